"""What it takes to be trusted with people's data: an audit log, erasing and holding, links of access, watching

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


# Entries are only ever added: whoever wants to change one has to say so to the database first.
KEEP_SQLITE = (
    "CREATE TRIGGER audit_entry_no_{verb} BEFORE {VERB} ON audit_entry"
    " BEGIN SELECT RAISE(ABORT, 'audit entries are only ever added'); END"
)
KEEP_POSTGRESQL = (
    "CREATE FUNCTION audit_entry_keep() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'audit entries are only ever added'; END $$",
    "CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON audit_entry"
    " FOR EACH ROW EXECUTE FUNCTION audit_entry_keep()",
    "CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_keep()",
)


def upgrade():
    op.create_table('alert',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('figures', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert'))
    )
    op.create_index('uq_alert_open', 'alert', ['kind'], unique=True, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
    op.create_table('audit_head',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_head'))
    )
    op.create_table('refusal',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('remote_addr', sa.String(length=64), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refusal')),
    sa.UniqueConstraint('hour', 'reason', 'remote_addr', name=op.f('uq_refusal_hour_reason_remote_addr'))
    )
    op.create_index('ix_refusal_last_at', 'refusal', ['last_at'], unique=False)
    op.create_table('secret_use',
    sa.Column('setting', sa.String(length=40), nullable=False),
    sa.Column('fingerprint', sa.String(length=16), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('setting', 'fingerprint', name=op.f('pk_secret_use'))
    )
    op.create_table('tombstone',
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key_hash', name=op.f('pk_tombstone'))
    )
    op.create_table('access_link',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=32), nullable=False),
    sa.Column('purpose', sa.String(length=20), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['created_by_id'], ['user_account.id'], name=op.f('fk_access_link_created_by_id_user_account')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_access_link_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_access_link')),
    sa.UniqueConstraint('public_id', name=op.f('uq_access_link_public_id'))
    )
    op.create_index(op.f('ix_access_link_user_id'), 'access_link', ['user_id'], unique=False)
    op.create_table('audit_entry',
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('action', sa.String(length=40), nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.Column('subject_kind', sa.String(length=20), nullable=True),
    sa.Column('subject_id', sa.String(length=64), nullable=True),
    sa.Column('details', sa.Text(), nullable=False),
    sa.Column('remote_addr', sa.String(length=64), nullable=True),
    sa.Column('request_id', sa.String(length=40), nullable=True),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['actor_id'], ['user_account.id'], name=op.f('fk_audit_entry_actor_id_user_account')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_audit_entry'))
    )
    op.create_index('ix_audit_entry_action', 'audit_entry', ['action', 'number'], unique=False)
    op.create_index('ix_audit_entry_actor', 'audit_entry', ['actor_id', 'number'], unique=False)
    op.create_index('ix_audit_entry_at', 'audit_entry', ['at', 'number'], unique=False)
    op.create_index('ix_audit_entry_subject', 'audit_entry', ['subject_id', 'number'], unique=False)
    op.create_table('erasure',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=32), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('cause', sa.String(length=20), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('files', sa.JSON(), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_erasure_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasure')),
    sa.UniqueConstraint('public_id', name=op.f('uq_erasure_public_id'))
    )
    op.create_index('ix_erasure_unfinished', 'erasure', ['id'], unique=False, sqlite_where=sa.text('finished_at IS NULL'), postgresql_where=sa.text('finished_at IS NULL'))
    op.create_table('recovery_code',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_recovery_code_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_code'))
    )
    op.create_index(op.f('ix_recovery_code_user_id'), 'recovery_code', ['user_id'], unique=False)
    op.create_table('user_scope',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('job_id', sa.Integer(), nullable=True),
    sa.Column('company', sa.String(length=500), nullable=True),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_user_scope_job_id_job')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_user_scope_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_scope'))
    )
    op.create_index(op.f('ix_user_scope_user_id'), 'user_scope', ['user_id'], unique=False)
    op.create_table('hold',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=32), nullable=False),
    sa.Column('application_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('reason', sa.String(length=300), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by_id', sa.Integer(), nullable=True),
    sa.Column('inbox_no', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['application_id'], ['application.id'], name=op.f('fk_hold_application_id_application')),
    sa.ForeignKeyConstraint(['ended_by_id'], ['user_account.id'], name=op.f('fk_hold_ended_by_id_user_account')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_hold_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hold')),
    sa.UniqueConstraint('public_id', name=op.f('uq_hold_public_id'))
    )
    op.create_index('ix_hold_application', 'hold', ['application_id'], unique=False)
    op.create_index('ix_hold_open', 'hold', ['id'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
    op.add_column('application', sa.Column('restricted_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('application', sa.Column('is_test', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('login_session', sa.Column('public_id', sa.String(length=32), nullable=True))
    op.add_column('login_session', sa.Column('how', sa.String(length=20), nullable=True))
    op.create_index('uq_login_session_public_id', 'login_session', ['public_id'], unique=True)
    op.add_column('user_account', sa.Column('alert_mail', sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column('user_account', sa.Column('is_limited', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('user_account', sa.Column('password_changed_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('user_account', sa.Column('totp_secret', sa.String(length=255), nullable=True))
    op.add_column('user_account', sa.Column('totp_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('user_account', sa.Column('totp_step', sa.BigInteger(), nullable=True))
    op.add_column('user_account', sa.Column('oidc_issuer', sa.String(length=255), nullable=True))
    op.add_column('user_account', sa.Column('oidc_subject', sa.String(length=255), nullable=True))
    op.create_index('uq_user_account_oidc', 'user_account', ['oidc_issuer', 'oidc_subject'], unique=True)
    op.execute("INSERT INTO audit_head (id, number, digest) VALUES (1, 0, '')")
    # Everybody signs in once more: a session that is listed needs a name.
    op.execute("DELETE FROM login_session")
    if op.get_bind().dialect.name == "postgresql":
        for statement in KEEP_POSTGRESQL:
            op.execute(statement)
    else:
        for verb in ("update", "delete"):
            op.execute(KEEP_SQLITE.format(verb=verb, VERB=verb.upper()))


def downgrade():
    op.drop_index('uq_user_account_oidc', table_name='user_account')
    op.drop_column('user_account', 'oidc_subject')
    op.drop_column('user_account', 'oidc_issuer')
    op.drop_column('user_account', 'totp_step')
    op.drop_column('user_account', 'totp_since')
    op.drop_column('user_account', 'totp_secret')
    op.drop_column('user_account', 'password_changed_at')
    op.drop_column('user_account', 'is_limited')
    op.drop_column('user_account', 'alert_mail')
    op.drop_index('uq_login_session_public_id', table_name='login_session')
    op.drop_column('login_session', 'how')
    op.drop_column('login_session', 'public_id')
    op.drop_column('application', 'is_test')
    op.drop_column('application', 'restricted_at')
    op.drop_index('ix_hold_open', table_name='hold')
    op.drop_index('ix_hold_application', table_name='hold')
    op.drop_table('hold')
    op.drop_index(op.f('ix_user_scope_user_id'), table_name='user_scope')
    op.drop_table('user_scope')
    op.drop_index(op.f('ix_recovery_code_user_id'), table_name='recovery_code')
    op.drop_table('recovery_code')
    op.drop_index('ix_erasure_unfinished', table_name='erasure')
    op.drop_table('erasure')
    op.drop_index('ix_audit_entry_subject', table_name='audit_entry')
    op.drop_index('ix_audit_entry_at', table_name='audit_entry')
    op.drop_index('ix_audit_entry_actor', table_name='audit_entry')
    op.drop_index('ix_audit_entry_action', table_name='audit_entry')
    op.drop_table('audit_entry')
    op.drop_index(op.f('ix_access_link_user_id'), table_name='access_link')
    op.drop_table('access_link')
    op.drop_table('tombstone')
    op.drop_table('secret_use')
    op.drop_index('ix_refusal_last_at', table_name='refusal')
    op.drop_table('refusal')
    op.drop_table('audit_head')
    op.drop_index('uq_alert_open', table_name='alert')
    op.drop_table('alert')
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_entry_keep")
