"""`bootstrap db`."""

from __future__ import annotations

import click

from bootstrap.cli.context import Context, domain_option, has_terminal, pass_context


@click.command(context_settings={"allow_interspersed_args": False}, options_metavar="[OPTIONS]")
@domain_option
@click.option("--write", is_flag=True, help="Let it change data; without, each transaction is read-only.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[NAME] [--] [PSQL-OPTIONS…]")
@click.pass_context
@pass_context
def db(context: Context, ctx: click.Context, /, domain: str | None, write: bool, words: tuple[str, ...]) -> None:
    """Open psql on a database of the stack, to read unless --write.

    As the role that owns it, in the database's own container. The words after NAME are psql's. That it only reads is a
    guard against mistakes: whoever wants to can lift it with SET.

    \b
    bootstrap db auth_db
    bootstrap db ticket_db -- --command 'SELECT count(*) FROM tickets_ticket'
    bootstrap db ticket_db -- --csv < report.sql > report.csv
    bootstrap db --write auth_db
    """
    from bootstrap.operations import inside

    name, options = split(words)
    ctx.exit(inside.psql(context.environment(domain), name, options, write=write, terminal=has_terminal()))


def split(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The database's name, if the first word is one, and psql's."""
    name = words[0] if words and not words[0].startswith("-") else None
    rest = words[1:] if name else words
    return name, rest[1:] if rest and rest[0] == "--" else rest
