"""Everything that people look at: funnel, rejected documents, one document's way, report, card, exports, comparisons.

All of it is read from a finished run folder and nothing else; notebooks and the command line only call what is here.
Crawled text is hostile until it is escaped: `curate.inspect.show` is the one door through which it reaches a screen.
"""
