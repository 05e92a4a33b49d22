"""Posts of threads and comments, on pages with the markup of real systems and words of our own."""

from collections.abc import Callable

import pytest

from curate.blocks.extractor import Options, extract_blocks

POSTS = [
    "My kettle whistles before the water boils. Is that a fault of the lid, or do I fill it too high?",
    "No idea, sorry",
    "Mine does it too. I took the lid off and cleaned the vent:\n<pre>1. soak it\n  2. brush it</pre>\nQuiet since.",
    "+1",
    "The vent is the thing. See the manual, page 4, where it says how far the spout has to be from the flame.",
]
CHINESE = [
    "我家的水壶水还没开就响了,是盖子的问题,还是水加得太满?",
    "不知道",
    "我的也这样。把盖子取下来,洗干净出气孔就好了。",
    "顶",
    "问题在出气孔,说明书第四页写着壶嘴离火要多远。",
]
SIGNATURE = "Life is a kettle; be the whistle. Brewing since the year of the great frost."
BOX = "Joined in the spring of 2009, has written 1,204 posts. Lives where the hills end."
BUTTONS = "Report this post. Quote it. Share it with a friend."
NOISE = (SIGNATURE, BOX, BUTTONS, "whistler", "Kettle board index")


def page(body: str, head: str = "") -> str:
    return f"""<!DOCTYPE html><html><head><title>Kettle trouble</title>{head}</head><body>
<div id="nav" class="navbar"><ul><li><a href="/">Kettle board index</a></li><li><a href="/s">Search</a></li></ul></div>
<h1>Kettle trouble</h1>{body}
<div class="footer"><a href="/i">Imprint</a> <a href="/p">Privacy</a></div></body></html>"""


def phpbb(texts: list[str]) -> str:
    return page("".join(
        f"""<div id="p{n}" class="post has-profile bg{n % 2 + 1}"><div class="inner">
<dl class="postprofile" id="profile{n}"><dt><div class="avatar-container"></div>
<a href="/u" class="username">whistler</a></dt>
<dd class="profile-posts"><strong>Posts:</strong> <a href="/s">1204</a></dd><dd>{BOX}</dd></dl>
<div class="postbody"><div id="post_content{n}"><ul class="post-buttons"><li>{BUTTONS}</li></ul>
<p class="author">by <a href="/u">whistler</a> » Tue May 5, 2020</p><div class="content">{text}</div>
<div class="notice">Last edited by whistler on May 6. Edited 1 time in total.</div>
<div id="sig{n}" class="signature">{SIGNATURE}</div></div></div></div></div><hr class="divider">"""
        for n, text in enumerate(texts)
    ))  # fmt: skip


def vbulletin(texts: list[str]) -> str:
    return page('<ol id="posts" class="posts">' + "".join(
        f"""<li class="postbitlegacy postbitim postcontainer old" id="post_{n}"><div class="posthead">
<span class="postdate">05-05-2020</span></div><div class="postdetails"><div class="userinfo">
<div class="username_container"><a class="username" href="/m">whistler</a></div>
<dl class="userinfo_extra"><dd>{BOX}</dd></dl></div>
<div class="postbody"><div class="postrow"><div class="content"><div id="post_message_{n}">
<blockquote class="postcontent restore">{text}</blockquote></div></div></div>
<div class="after_content"><blockquote class="signature restore"><div class="signaturecontainer">{SIGNATURE}</div>
</blockquote></div></div></div><div class="postfoot"><div class="textcontrols controls">{BUTTONS}</div></div></li>"""
        for n, text in enumerate(texts)
    ) + "</ol>")  # fmt: skip


def discourse(texts: list[str]) -> str:
    return page('<div itemscope itemtype="http://schema.org/DiscussionForumPosting">' + "".join(
        f"""<div id="post_{n}" itemprop="comment" itemscope itemtype="http://schema.org/Comment"
class="topic-body crawler-post"><div class="crawler-post-meta"><span class="creator" itemprop="author">
<a itemprop="url" href="/u"><span itemprop="name">whistler</span></a></span>
<span class="crawler-post-infos"><time datetime="2020-05-05">May 5, 2020, 9:00am</time></span></div>
<div class="post" itemprop="text">{text}</div><div itemprop="interactionStatistic" class="post-actions">
<span class="post-likes">{BUTTONS}</span></div></div>"""
        for n, text in enumerate(texts)
    ) + "</div>")  # fmt: skip


def stack_exchange(texts: list[str]) -> str:
    card = f"""<div class="post-signature owner"><div class="user-info"><div class="user-details">
<a href="/u">whistler</a><p>{BOX}</p></div></div></div>"""
    menu = f'<div class="js-post-menu"><div>{BUTTONS}</div></div>'
    votes = '<div class="votecell post-layout--left"><div class="js-voting-container"><div>12</div></div></div>'
    question = f"""<div class="question" id="question"><div class="post-layout">{votes}<div class="postcell
post-layout--right"><div class="s-prose js-post-body" itemprop="text">{texts[0]}</div>
<div class="post-taglist"><a href="/t">kettles</a></div>{menu}{card}</div></div></div>"""
    answers = "".join(
        f"""<div id="answer-{n}" class="answer js-answer" itemprop="suggestedAnswer"><div class="post-layout">{votes}
<div class="answercell post-layout--right"><div class="s-prose js-post-body" itemprop="text">{text}</div>{menu}{card}
</div></div></div>"""
        for n, text in enumerate(texts[1:])
    )
    return page(f'<div itemtype="https://schema.org/Question">{question}<div id="answers">{answers}</div></div>',
                '<script type="application/ld+json">{"@type": "QAPage"}</script>')  # fmt: skip


def xenforo(texts: list[str]) -> str:
    return page("".join(
        f"""<article class="message message--post js-post" data-author="whistler" id="js-post-{n}">
<div class="message-inner"><div class="message-cell message-cell--user"><section class="message-user"><h4
class="message-name">whistler</h4><div class="message-userDetails"><h5>{BOX}</h5></div></section></div>
<div class="message-cell message-cell--main"><div class="message-main"><header class="message-attribution"><ul><li>May
5, 2020</li></ul></header><div class="message-content"><div class="message-userContent"><article class="message-body">
<div class="bbWrapper">{text}</div></article></div><aside class="message-signature"><div class="bbWrapper">{SIGNATURE}
</div></aside></div><footer class="message-footer"><div class="message-actionBar">{BUTTONS}</div></footer></div></div>
</div></article>"""
        for n, text in enumerate(texts)
    ))  # fmt: skip


def discuz(texts: list[str]) -> str:
    return page('<div id="postlist" class="pl bm">' + "".join(
        f"""<div id="post_{n}"><table id="pid{n}" class="plhin"><tr><td class="pls" rowspan="2"><div class="favatar">
<div class="pi"><div class="authi"><a href="/u">whistler</a></div></div><p>{BOX}</p></div></td><td class="plc"><div
class="pi"><div class="pti"><div class="authi">发表于 2020-5-5 09:00</div></div></div><div class="pct"><div class="pcb">
<div class="t_fsz"><table><tr><td class="t_f" id="postmessage_{n}">{text}</td></tr></table></div></div></div></td></tr>
<tr><td class="plc plm"><div class="sign">{SIGNATURE}</div></td></tr><tr><td class="pls"></td><td class="plc"><div
class="po hin"><div class="pob"><em>{BUTTONS}</em></div></div></td></tr></table></div>"""
        for n, text in enumerate(texts)
    ) + "</div>")  # fmt: skip


def tieba(texts: list[str]) -> str:
    return page('<div class="p_postlist" id="j_p_postlist">' + "".join(
        f"""<div class="l_post l_post_bright j_l_post clearfix"><div class="d_author"><ul class="p_author"><li
class="d_name"><a href="/u">whistler</a></li><li>{BOX}</li></ul></div><div class="d_post_content_main"><div
class="p_content"><cc><div id="post_content_{n}" class="d_post_content j_d_post_content">{text}</div></cc></div>
<div class="core_reply j_lzl_wrapper"><div class="core_reply_tail clearfix"><div class="post-tail-wrap"><span
class="tail-info">来自Android客户端</span><span>{n + 1}楼</span> {BUTTONS}</div></div></div></div></div>"""
        for n, text in enumerate(texts)
    ) + "</div>")  # fmt: skip


def wordpress(texts: list[str]) -> str:
    """The first is the article, which the model keeps; the fourth is a reply to the third, by the article's author."""

    def comment(text: str, more: str = "", names: str = "comment even") -> str:
        return f"""<li class="{names}"><article class="comment-body"><footer class="comment-meta"><div
class="comment-author vcard"><b class="fn"><a href="/u">whistler</a></b> <span class="says">says:</span><p>{BOX}</p>
</div><div class="comment-metadata"><time>May 5, 2020 at 9:00 am.</time></div></footer>
<div class="comment-content"><p>{text}</p></div><div class="reply">{BUTTONS}</div></article>{more}</li>"""

    children = (
        f"""<ol class="children">{comment(texts[3], names="comment byuser comment-author-cook bypostauthor")}</ol>"""
    )
    items = comment(texts[1]) + comment(texts[2], children) + comment(texts[4])
    return page(f"""<article class="post"><div class="entry-content"><p>{texts[0]}</p></div></article><div
id="comments" class="comments-area"><h2>4 thoughts</h2><ol class="comment-list">{items}</ol><div id="respond"
class="comment-respond"><form>
<p class="comment-notes">Your address will not be published. Required fields are marked.</p></form></div></div>""")


def disqus(texts: list[str]) -> str:
    return page(f'<div class="entry"><p>{texts[0]}</p></div><div id="disqus_thread"><ul class="post-list">' + "".join(
        f"""<li class="post"><div class="post-content"><div class="avatar"></div><div class="post-body"><header
class="comment__header"><span class="post-byline"><a href="/u">whistler</a></span></header><div
class="post-body-inner"><div class="post-message-container"><div class="post-message"><p>{text}</p></div></div></div>
<footer class="comment__footer"><menu><li>{BUTTONS}</li></menu></footer></div></div></li>"""
        for text in texts[1:]
    ) + "</ul></div>")  # fmt: skip


SYSTEMS: list[Callable[[list[str]], str]] = [
    phpbb, vbulletin, discourse, stack_exchange, xenforo, discuz, tieba, wordpress, disqus,
]  # fmt: skip


def text_of(html: str, comments: bool = True) -> str:
    return extract_blocks(html.encode(), "", "2100-01-01", Options(comments=comments)).text


@pytest.mark.parametrize("texts", [POSTS, CHINESE], ids=["en", "zh"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.__name__)
def test_all_posts_and_nothing_else(system: Callable[[list[str]], str], texts: list[str]) -> None:
    found = text_of(system(texts))
    for post in texts:
        for line in post.replace("<pre>", "").replace("</pre>", "").split("\n"):
            assert line in found
    assert [noise for noise in NOISE if noise in found] == []
    assert "Required fields" not in found


def test_posts_are_in_their_order() -> None:
    found = text_of(phpbb(POSTS))
    places = [found.index(post.split("\n")[0]) for post in POSTS]
    assert places == sorted(places)


def test_a_page_of_articles_is_no_thread() -> None:
    teaser = (
        '<article class="post"><h2><a href="/{0}">Kettle {0}</a></h2><div class="post-content">Soon.</div></article>'
    )
    html = page("".join(teaser.format(n) for n in range(20)))
    assert text_of(html) == text_of(html, comments=False)


def test_a_single_post_is_no_thread() -> None:
    html = page(f'<div class="thread"><div class="post"><div class="meta">{BOX}</div><p>{POSTS[0]}</p></div></div>')
    assert text_of(html) == text_of(html, comments=False)


def test_a_page_whose_name_speaks_of_comments_is_not_kept_whole() -> None:
    links = '<ul class="content-links"><li>Home<li>News<li>Sport</ul>'
    html = page(f'<div class="has-comments"><div class="content">{links}<p>{POSTS[4]}</p></div></div>')
    assert "Sport" not in text_of(html)
    assert POSTS[4] in text_of(html)
