"""The command line: thin words over the Python API of the same names.

Exit status: 0 done, 2 bad recipe or arguments, 3 too many failed records, 4 storage or engine failure, 130 interrupted.
"""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from curate import __version__
from curate.errors import CurateError, EngineError, RecipeError
from curate.storage import reached, remove_tree
from curate.workers import server


class Guarded(TyperGroup):
    """Turns what a command raises into a message and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; usage errors are Typer's own, with exit status 2."""
        try:
            return super().invoke(ctx)
        except CurateError as error:
            console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            raise typer.Exit(error.exit_status) from error
        except KeyboardInterrupt as interrupt:
            console.print("interrupted: what is finished is kept; run the same command again to go on", highlight=False)
            raise typer.Exit(130) from interrupt


app = typer.Typer(
    cls=Guarded,
    help="Turn raw crawls into training-ready tokens, with a ledger of every decision.\n\n"
    "Start with: curate plan pipelines/web.toml, then curate run pipelines/web.toml --input CRAWL --out OUT.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
console = Console(stderr=True)
screen = Console()

RecipePath = Annotated[Path, typer.Argument(help="A recipe (TOML).", show_default=False)]
Inputs = Annotated[
    list[str], typer.Option("--input", "-i", help="A file, folder, quoted glob or URL in place of the recipe's inputs.")
]
Crawl = Annotated[int | None, typer.Option("--crawl", help="The number of this crawl, larger than any before it.")]
Sets = Annotated[
    list[str], typer.Option("--set", help="Change a parameter: stage.param=value or stage.reason.max=value.")
]
Against = Annotated[
    list[Path],
    typer.Option(
        "--against",
        parser=reached,
        metavar="OUT",
        help="OUT of an earlier run: drop what duplicates its documents. Repeatable.",
    ),
]
Out = Annotated[
    Path,
    typer.Argument(parser=reached, metavar="OUT", help="The output folder of a run, or its URL.", show_default=False),
]


@app.command()
def run(
    recipe: RecipePath,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            parser=reached,
            metavar="FOLDER|URL",
            help="Where the corpus, ledger, tokens and report go; s3://… is a store.",
        ),
    ],
    input: Inputs = [],  # noqa: B006  # Typer reads the default and never changes it
    set: Sets = [],  # noqa: B006  # the same
    crawl: Crawl = None,
    against: Against = [],  # noqa: B006  # the same
    engine: Annotated[
        Literal["local", "ray", "spark"], typer.Option(help="Who carries the work out; a dry run is always local.")
    ] = "local",
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per usable core.", min=1)] = None,
    gpus: Annotated[
        int | None, typer.Option(help="GPUs for stages that want one; by default all that there are.", min=0)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and try it on a sample.")] = False,
    sample: Annotated[int, typer.Option(help="MB of decompressed input that a dry run tries; 0: none.", min=0)] = 64,
) -> None:
    """Run a recipe. The same command again finishes a run that was stopped, and redoes only what changed."""
    if engine == "local" or dry_run:
        server([__name__])  # gets ready while the rest is imported here

    import gc

    import pyarrow as pa

    from curate.engines import open_engine
    from curate.inspect.card import write_card
    from curate.inspect.funnel import render_funnel
    from curate.inspect.report import write_report
    from curate.inspect.run_folder import open_run
    from curate.plan import compile_plan
    from curate.progress import choose
    from curate.recipe import load_recipe
    from curate.run import run as carry_out
    from curate.text.kernel import compiled

    plan_ = compile_plan(load_recipe(recipe, input, set, crawl))
    pa.array([0])  # pyarrow looks for pandas now, while the server starts, and not when the report waits for it
    gc.freeze()  # what is here now is never garbage: to look it through takes a fifth of a second at the end alone
    if dry_run:
        from curate.inspect.dry_run import render_dry_run

        render_dry_run(plan_, out, open_engine("local", workers, gpus), sample << 20, against, screen, console)
        return
    if not compiled():
        console.print("compiling kernels for this version, once: half a minute more", style="dim", highlight=False)
    carrier = open_engine(engine, workers, gpus)
    progress = choose(console)
    try:
        carry_out(plan_, out, carrier, progress, against, afterwards=lambda place: write_report(out, place))
    finally:
        progress.close()
    finished = open_run(out)
    card_path = write_card(out)
    render_funnel(finished, screen)
    screen.print(f"corpus   {escape(str(out / 'corpus'))}\nledger   {escape(str(out / 'ledger'))}")
    if finished.summary["tokens"]:
        screen.print(f"tokens   {escape(str(out / 'tokens'))}")
    screen.print(f"report   {escape(str(out / 'report.html'))}\ncard     {escape(str(card_path))}")


@app.command()
def plan(recipe: RecipePath, input: Inputs = [], set: Sets = []) -> None:  # noqa: B006  # Typer never changes it
    """Show what a recipe will do: steps, columns in and out, rules, exchanges. Nothing is read but the recipe."""
    from curate.inspect.plan import render_plan
    from curate.plan import compile_plan
    from curate.recipe import load_recipe

    render_plan(compile_plan(load_recipe(recipe, input, set)), screen)


@app.command()
def stages(
    name: Annotated[str | None, typer.Argument(help="A stage of ours, or package.module:function.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="All stages, as docs/stages.md has them.")] = False,
) -> None:
    """Say what stages there are, or what one does: parameters, columns, rules, reasons."""
    from curate.inspect.stages import render_stage, render_stages, stages_markdown

    if markdown:
        typer.echo(stages_markdown(), nl=False)
    elif name:
        render_stage(name, screen)
    else:
        render_stages(screen)


@app.command()
def status(out: Out) -> None:
    """How far a run is: parts done and records removed per step; of a finished one also what came of it."""
    from curate.inspect.status import render_status

    render_status(out, screen)


@app.command()
def report(out: Out) -> None:
    """Write OUT/report.html again."""
    from curate.inspect.report import write_report

    screen.print(escape(str(write_report(out))))


@app.command()
def card(out: Out) -> None:
    """Write the dataset card OUT/README.md again."""
    from curate.inspect.card import write_card

    screen.print(escape(str(write_card(out))))


@app.command()
def explain(
    out: Out,
    document: Annotated[str | None, typer.Argument(help="A doc_id or 4 or more first digits, a URL, a source.")] = None,
    token: Annotated[int | None, typer.Option(help="The document that this token of OUT/tokens came from.")] = None,
    every: Annotated[bool, typer.Option("--all", help="List every rule and every stored score.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Print the whole text, not its beginning.")] = False,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="The page again: each block kept or dropped, and why.")
    ] = False,
) -> None:
    """Say why a document was kept or dropped: its way through every stage, and the number that decided.

    The rule that decided comes first. Rules marked “fails too” would have dropped the document as well: moving one
    threshold does not save it. The place fetches the page again: file, offset, bytes.

    - `curate explain OUT 46ea`
    - `curate explain OUT https://example.org/page --all`
    - `curate explain OUT --token 1000 --full`
    - `curate explain OUT 46ea --blocks`
    """
    from curate.inspect.explanation import render_explanation
    from curate.inspect.find import find_document
    from curate.inspect.run_folder import open_run
    from curate.tokens.build import document_at

    finished = open_run(out)
    if (document is None) == (token is None):
        raise RecipeError("give either a document (doc_id or URL) or --token N")
    doc_id = find_document(finished, document) if document is not None else document_at(out / "tokens", token or 0)[0]
    if blocks:
        from curate.inspect.blocks import render_blocks

        render_blocks(finished, doc_id, screen)
    else:
        render_explanation(finished, doc_id, screen, every=every, full=full)


@app.command()
def rejects(
    out: Out,
    stage: Annotated[str | None, typer.Option(help="Only what this stage dropped.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason; the report and the funnel list them.")] = None,
    sample: Annotated[int, typer.Option(help="How many documents.", min=1)] = 10,
    full: Annotated[bool, typer.Option("--full", help="Print whole texts, not their beginnings.")] = False,
) -> None:
    """Read a sample of dropped documents, the same one every time: would you have dropped them?

    Without `--reason` the reasons take turns, the most frequent first. A rule is good when the texts that it drops are
    bad, above all those close to its threshold. `curate explain OUT DOC_ID` says more about one of them.

    - `curate rejects OUT`
    - `curate rejects OUT --reason gopher_few_words --sample 30`
    - `curate rejects OUT --stage fuzzy_dedup --full`
    """
    from curate.inspect.rejects import render_rejects
    from curate.inspect.run_folder import open_run

    render_rejects(open_run(out), screen, stage=stage, reason=reason, n=sample, full=full)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(parser=reached, metavar="A", help="One run.")],
    b: Annotated[Path, typer.Argument(parser=reached, metavar="B", help="Another run.")],
) -> None:
    """Compare two runs: settings and counts that differ, and which documents only one of them kept."""
    from curate.inspect.compare import render_comparison

    render_comparison(a, b, screen)


@app.command()
def digest(out: Out) -> None:
    """Print the logical digest of corpus, ledger and tokens: equal for equal data, whatever the files look like."""
    from curate.digest import digest_run

    if not (out / "run.json").is_file():
        raise EngineError(f"{out} holds no finished run; run the same command again to finish it")
    for name, value in digest_run(out).items():
        typer.echo(f"{name} {value}")


@app.command()
def clean(out: Out) -> None:
    """Delete what only resume and retune need (OUT/parts); corpus, ledger, tokens and report stay."""
    from curate.lock import lock

    if not (out / "run.json").is_file():
        raise EngineError(f"{out} holds no finished run: cleaning it would lose work. Finish it or delete the folder.")
    with lock(out):
        remove_tree(out / "parts")


@app.command()
def export(
    out: Out,
    to: Annotated[Path, typer.Option("--to", parser=reached, help="Folder for the exported shards.")],
    format: Annotated[Literal["wanjuan", "jsonl"], typer.Option(help="Record layout.")] = "wanjuan",
) -> None:
    """Write the corpus as gzipped JSON lines, in WanJuan-CC's record or with all columns."""
    from curate.inspect.export import export as write

    for path in write(out, to, format=format):
        screen.print(escape(str(path)))


@app.command()
def classify(
    file: Annotated[str, typer.Argument(help='JSON lines with a "text", packed or not.', show_default=False)],
    model: Annotated[str, typer.Option("--model", help="A classifier of ours (domain, toxicity) or a .npz file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the answers go: a JSON line for every line.")],
) -> None:
    """Ask a classifier about the texts of a file; docs/classifiers.md says what each one answers."""
    from curate.classify.files import classify as write

    screen.print(f"{write(file, model, out):,} texts classified: {escape(str(out))}")


tokenizer_app = typer.Typer(help="Train and look at tokenizers.", no_args_is_help=True)
app.add_typer(tokenizer_app, name="tokenizer")


@tokenizer_app.command("train")
def train_tokenizer(
    run_folder: Annotated[
        Path, typer.Argument(parser=reached, metavar="OUT", help="A finished run whose corpus to learn from.")
    ],
    to: Annotated[Path, typer.Option("--to", parser=reached, help="The model file to write.")],
    vocab_size: Annotated[int, typer.Option(min=300)] = 32_000,
    seed: Annotated[int, typer.Option(help="Draws the sample of 64 MB of text that it learns from.")] = 1024,
) -> None:
    """Train a SentencePiece BPE tokenizer (byte fallback, split digits) on a deterministic sample of a corpus."""
    from curate.inspect.run_folder import open_run
    from curate.tokens.train import train_on_corpus

    open_run(run_folder)
    path = train_on_corpus(run_folder / "corpus", to, vocab_size=vocab_size, seed=seed)
    screen.print(escape(str(path)))


@tokenizer_app.command("inspect")
def inspect_tokenizer(
    path: Annotated[str, typer.Argument(help="SentencePiece .model, tokenizer.json or .tiktoken file.")],
    text: Annotated[str, typer.Option(help="A text to show in tokens.")] = "Hello, 世界! 12345",
) -> None:
    """Say what a tokenizer file is and how it cuts a text."""
    from curate.tokens.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(path)
    ids = tokenizer.encode_batch([text])[0].tolist()
    table = Table("id", "text")
    for number in ids:
        table.add_row(str(number), escape(repr(tokenizer.decode([number]))))
    screen.print(f"{escape(tokenizer.name)}: {tokenizer.vocab_size} entries, fingerprint {tokenizer.fingerprint}")
    screen.print(table)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Turn raw crawls into training-ready tokens, with a ledger of every decision."""
    if show:
        typer.echo(__version__)
        raise typer.Exit


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of the `curate` command."""
    signal.signal(signal.SIGTERM, _interrupt)
    app()
