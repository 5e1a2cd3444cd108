"""What makes the generated pages: `make docs` runs each as `python -m tools.…`, and a test fails when a page is stale.
Only `bootstrap` goes into the distribution, so nothing here ships.

manual          docs/cli.md, from the help texts
settings_page   docs/settings.md, from the models of bootstrap.settings
layers          docs/layers.svg, from the import contracts of pyproject.toml
diagram         the redeploy's states in docs/operations.md, from its table
audit_page      the tables of docs/security.md, from what `bootstrap audit` goes by
failure_matrix  docs/failure-matrix.md: its rows are written by two tests, from what they saw; `steps` names what they
                look for
"""
