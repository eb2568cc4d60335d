from hcvo.config import Settings
from hcvo.site import database


def test_roles_cannot_come_in_without_their_password(postgres_site: Settings) -> None:
    with database.connect(postgres_site, user="gavo") as one, one.cursor() as cursor:
        cursor.execute("SELECT current_user, inet_server_addr()")
        assert cursor.fetchone() == ("gavo", None)
    one.close()
    rules = (postgres_site.postgres_data / "pg_hba.conf").read_text(encoding="utf-8")
    assert "trust" not in rules
    assert "peer" not in rules


def test_passwords_are_readable_by_their_owner_only(postgres_site: Settings) -> None:
    assert postgres_site.passwords.stat().st_mode & 0o077 == 0
