"""One index for every list: each application's place in the inbox, and what it can be filtered by beside its words

Revision ID: 0004
Revises: 0003

The index is filled by the worker: every application waits for it when this has run (a million take about half an hour,
during which filters and searches find what is indexed already; the inbox itself is whole at once).
"""
from alembic import op
import sqlalchemy as sa


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

UNINDEXED = sa.text('unindexed IS NOT NULL')
GONE = {
    'ix_application_inbox': ['completed', 'arrived_at', 'id'],
    'ix_application_stage': ['completed', 'stage', 'arrived_at', 'id'],
    'ix_application_qualified': ['completed', 'qualified', 'arrived_at', 'id'],
    'ix_application_applied': ['completed', 'applied_at'],
}

NUMBER = (
    "UPDATE application SET inbox_no = numbered.place FROM"
    " (SELECT id, row_number() OVER (ORDER BY arrived_at, id) AS place FROM application WHERE completed) AS numbered"
    " WHERE numbered.id = application.id"
)
NOTE_RESUMES = (
    "UPDATE application SET resume_mime = newest.mime, resume_verdict = newest.verdict FROM"
    " (SELECT attachment.application_id, stored_file.mime, attachment.verdict"
    " FROM (SELECT application_id, max(id) AS id FROM attachment WHERE question_id IS NULL GROUP BY application_id) AS last"
    " JOIN attachment ON attachment.id = last.id LEFT JOIN stored_file ON stored_file.sha256 = attachment.sha256)"
    " AS newest WHERE newest.application_id = application.id"
)


def upgrade():
    op.create_table('facet',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('value', sa.String(length=500), nullable=False),
    sa.Column('question', sa.String(length=300), nullable=False),
    sa.Column('label', sa.String(length=300), nullable=False),
    sa.Column('uses', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_facet')),
    sa.UniqueConstraint('key', name=op.f('uq_facet_key'))
    )
    op.create_index('ix_facet_kind', 'facet', ['kind', 'uses'], unique=False)
    for name in GONE:
        op.drop_index(name, table_name='application')
    op.add_column('application', sa.Column('inbox_no', sa.Integer(), nullable=True))
    op.add_column('application', sa.Column('unindexed', sa.Integer(), nullable=True))
    op.add_column('application', sa.Column('resume_mime', sa.String(length=120), nullable=True))
    op.add_column('application', sa.Column('resume_verdict', sa.String(length=20), nullable=True))
    op.execute(NUMBER)
    op.execute(NOTE_RESUMES)
    op.execute("UPDATE application SET unindexed = 1")
    # A unique index rather than a constraint: for that, SQLite would have to write the whole table anew.
    op.create_index('uq_application_inbox_no', 'application', ['inbox_no'], unique=True)
    op.create_index('ix_application_tab', 'application', ['stage', 'held_at', 'inbox_no'], unique=False)
    op.create_index('ix_application_unindexed', 'application', ['id'], unique=False, sqlite_where=UNINDEXED, postgresql_where=UNINDEXED)
    op.execute("DROP TABLE application_search")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE application_inbox_no_seq OWNED BY application.inbox_no")
        op.execute("SELECT setval('application_inbox_no_seq', (SELECT coalesce(max(inbox_no), 0) + 1 FROM application), false)")
        op.execute(
            "CREATE TABLE application_search (number INTEGER CONSTRAINT pk_application_search PRIMARY KEY,"
            " words tsvector NOT NULL)"
        )
        op.execute("CREATE INDEX ix_application_search_words ON application_search USING gin (words)")
    else:
        # Prefixes of up to twelve letters have lists of their own: a longer one would be put together on the spot.
        op.execute(
            "CREATE VIRTUAL TABLE application_search USING fts5(words, facts, state, detail=none,"
            " tokenize=\"ascii tokenchars '_'\", prefix='1 2 3 4 5 6 7 8 9 10 11 12')"
        )


def downgrade():
    op.execute("DROP TABLE application_search")
    op.drop_index('ix_application_unindexed', table_name='application')
    op.drop_index('ix_application_tab', table_name='application')
    op.drop_index('uq_application_inbox_no', table_name='application')
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE application_inbox_no_seq")
    for name in ('resume_verdict', 'resume_mime', 'unindexed', 'inbox_no'):
        op.drop_column('application', name)
    for name, columns in GONE.items():
        op.create_index(name, 'application', columns, unique=False)
    op.drop_index('ix_facet_kind', table_name='facet')
    op.drop_table('facet')
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TABLE application_search (application_id INTEGER CONSTRAINT pk_application_search PRIMARY KEY"
            " CONSTRAINT fk_application_search_application_id_application REFERENCES application (id) ON DELETE CASCADE,"
            " words tsvector NOT NULL)"
        )
        op.execute("CREATE INDEX ix_application_search_words ON application_search USING gin (words)")
    else:
        op.execute("CREATE VIRTUAL TABLE application_search USING fts5(words, tokenize='ascii', prefix='2 3')")
