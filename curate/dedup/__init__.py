"""Deduplication: exact by normal form, fuzzy by verified MinHash, inside of texts, all on the verb of wide stages.

order        who survives: one sortable key a document
exact        equal normal forms
fuzzy        the stage; its steps are
  candidates   signatures, bands and hubs: which pairs are looked at
  verify       exact Jaccard of those pairs
  status       keep or drop, round by round or at once
  components   for the rare graph that rounds do not finish
  witness      the kept document that every dropped one is a duplicate of
paragraph    repeated lines, taken out of the texts (repeated)
substring    repeated passages, taken out of the texts (passages)
  spans, take_out   what is to go on its way home, and how it goes
minhash, bands, hubs, greedy, overlap   what these compute, on plain arrays

Documents stay in their part. What travels are band keys, then questions (of which document the text or the verdict is
wanted, and for which part) and their answers, so that memory is bounded by a part or a bucket and never by a cluster.
"""
