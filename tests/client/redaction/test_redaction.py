"""What must never survive, what must stay, and that doing it twice changes nothing."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from client.redaction import PSEUDONYM, Identity, Redactor, find_secrets, own_identity
from client.redaction.tokens import BLOCKS, TOKENS, Rule

ANA = Identity(
    users=("abenitez",),
    full_names=("Ana Benítez Sarmiento",),
    hosts=("pc-lumbreras",),
    domains=("lumbreras.example.org",),
    homes=("/home/abenitez", "C:\\Users\\abenitez"),
)

LETTERS = string.ascii_letters + string.digits
# A password as people choose them: at least one sign that is no letter, nothing that ends a value in most forms.
plain = st.text(LETTERS + "!$%*+-.^_~ñé", min_size=8, max_size=24).filter(
    lambda word: word[0].isalnum() and any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
)
wild = st.text(LETTERS + "!#$%*+-.^_~@&=|ñ漢", min_size=8, max_size=24).map(lambda word: "q7" + word)
noise = st.text(st.sampled_from(LETTERS + " \t.,:;=-_/\\@#\"'()[]{}<>&?!$%\nñ€😀"), max_size=60)

FORMS_OF_PLAIN = (
    "password={}", "password: {}", "PASSWORD = {}", "DB_PASSWORD={}", "export API_TOKEN={}", "  secretKey: {}",
    '{{"password": "{}"}}', '{{"user": "x", "clientSecret": "{}", "n": 1}}', "{{'passwd': '{}'}}",
    '{{\\"api_key\\": \\"{}\\"}}', "10:42 INFO login user=x password={} from=y", "--password {}", "--api-key={}",
    "curl -u someone:{} https://example.org", "sshpass -p {} ssh x", "mysql -u root -p{} shop",
    "https://someone:{}@example.org/x", "postgres://svc:{}@db:5432/x", "redis://:{}@cache/0",
    "amqp://a@b.example:{}@mq/",
    "GET /x?access_token={}&y=1", "https://example.org/cb#id_token={}", "<password>{}</password>",
    '<add key="DbPassword" value="{}"/>', "<key>Password</key>\n  <string>{}</string>",
    "Server=x;Password={};Database=y",
    "Authorization: Basic {}", "Proxy-Authorization: {}", "Cookie: sid={}; theme=dark", "Set-Cookie: {}; HttpOnly",
    "curl -H 'Authorization: Bearer {}' https://example.org", 'X-Api-Key: {}',
    "net use Z: \\\\srv\\share {} /user:corp\\x",
    "net use \\\\srv\\x /user:corp\\x {}", "\\\\someone:{}@server\\share", "cmdkey /add:srv /user:x /pass:{}",
    "La contraseña es {}", "contraseña: {}", "Password    REG_SZ    {}", '"Password"="{}"',
    "[default]\naws_secret_access_key = {}",
    '{{"name": "DB_PASSWORD", "value": "{}"}}', "session={}", "auth_token: '{}'", "passphrase => {}",
    "machine api.example.org login luz password {}", "db.example.org:5432:shop:svc:{}", "db_password: |\n  {}\nnext: 1",
    "password:\n    {}\n", "setx API_TOKEN {}", "docker login -u luz -p {}", "jdbc:oracle:thin:svc/{}@//db:1521/x",
    "ConvertTo-SecureString '{}' -AsPlainText", "openssl enc -k {} -in x", "openssl rsa -passin pass:{}",
    "scp luz:{}@host:/x",
    '{{"pass": "{}"}}', "user=luz&pass={}&submit=1", "--db-pass '{}'", "La clave del wifi: {}", "wifi password {}",
    "snmp-server community {} RO", '{{"passwords": ["{}"]}}', '{{"secrets": {{"a": "{}"}}}}', "psk=\"{}\"",
    "otpauth://totp/x?secret={}&issuer=y", "//registry.example.org/:_authToken={}", "$password = '{}'",
)  # fmt: skip
FORMS_OF_WILD = (
    "password={}", "API_SECRET={}", '{{"password":"{}"}}', "Authorization: {}", "Cookie: a={}", "  token: {}",
    "10:42:01 x[3]: password={}", "{{'secret': '{}'}}",
)  # fmt: skip


@settings(max_examples=400)
@given(st.sampled_from(FORMS_OF_PLAIN), plain, noise, noise)
def test_a_secret_beside_its_name_never_survives(form: str, secret: str, before: str, after: str) -> None:
    assume(secret not in before and secret not in after)
    redacted = Redactor(ANA).redact(f"{before}\n{form.format(secret)}\n{after}")
    assert secret not in redacted.text
    assert redacted.hidden >= 1


@settings(max_examples=200)
@given(st.sampled_from(FORMS_OF_WILD), wild, noise)
def test_a_password_with_any_signs_never_survives(form: str, secret: str, before: str) -> None:
    assert secret not in Redactor(ANA).redact(f"{before}\n{form.format(secret)}\nafter").text


@pytest.mark.parametrize("rule", TOKENS + BLOCKS, ids=lambda rule: rule.id)
def test_every_rule_hides_its_sample_and_leaves_the_other(rule: Rule) -> None:
    redacted = Redactor(ANA).redact(f"x {rule.sample}\n")
    assert rule.sample not in redacted.text
    assert f"[{rule.kind}]" in redacted.text
    untouched = f"x {rule.other}\n"
    assert Redactor(ANA).redact(untouched).text == untouched


@settings(max_examples=150)
@given(
    st.sampled_from(TOKENS),
    st.sampled_from(("{}", "({})", "'{}'", "key {} used", "log: {};", "a,{},b", "<{}>", '["{}"]', "ñ{}ñ")),
    noise,
)
def test_tokens_are_known_by_their_form_wherever_they_stand(rule: Rule, form: str, before: str) -> None:
    if form == "ñ{}ñ" and not rule.sample[0].isalnum():
        return
    assert rule.sample not in Redactor(ANA).redact(f"{before}\n{form.format(rule.sample)}").text


@settings(max_examples=60)
@given(st.binary(min_size=200, max_size=600), st.booleans(), noise)
def test_a_private_key_never_survives_even_cut_off(raw: bytes, whole: bool, before: str) -> None:
    body = base64.encodebytes(raw).decode()
    end = "-----END PRIV" + "ATE KEY-----\n" if whole else ""
    text = Redactor(ANA).redact(f"{before}\n-----BEGIN PRIV" + f"ATE KEY-----\n{body}{end}").text
    assert not any(line in text for line in body.splitlines() if len(line) > 20)


pieces = st.sampled_from((
    "password", "=", ": ", "token", '"', "'", "\\", "\n", " ", "{", "}", "[", "]", "abenitez", "Ana", "pc-lumbreras",
    "10.1.2.3", "ana@example.org", "[password]", "user-1", "ip-a7.1", "host-1", "://", "@", "a:b", "/home/",
    "C:\\Users\\",
    "Authorization", "Cookie", "Bearer ", "00:1a:2b:3c:4d:5e", "fe80::1", "4111 1111 1111 1111", "+34 600 123 456",
    "-p ",
    "ES91 2100 0418 4502 0005 1332", "AKIA" + "QYLPMN5HHHFPZAM2", "-----BEGIN PRIV" + "ATE KEY-----", "xyz123456789",
    ".", ",",
    ";", "&", "?code=", "<password>", "</password>", "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.",
    "aB3dE5gH7jK9mN1pQ4sT6vX8zC2fR0wY",
    "-u ", "net use ", "\\\\", "[home]", "lumbreras.example.org", "SHA256:", "version ", "enx001a2b3c4d5e",
    "--secret ", "is ",
))  # fmt: skip


@settings(max_examples=700)
@given(st.lists(pieces, max_size=14).map("".join))
def test_redacting_twice_changes_nothing(text: str) -> None:
    redactor = Redactor(ANA)
    once = redactor.redact(text)
    twice = redactor.redact(once.text)
    assert twice.text == once.text
    assert twice.counts == {}
    assert find_secrets(once.text) == {}


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_any_text_can_be_redacted(text: str) -> None:
    once = Redactor(ANA).redact(text).text
    assert Redactor(ANA).redact(once).text == once


def test_half_signs_of_a_broken_file_name_do_no_harm() -> None:
    assert Redactor(ANA).redact("file \udce9 password=hunter22").text == "file ? password=[password]"


@settings(max_examples=100)
@given(
    st.sampled_from(("abenitez", "ABenitez", "Ana Benítez Sarmiento", "BENÍTEZ", "sarmiento", "PC-Lumbreras")),
    st.sampled_from(
        ("{}", "/var/{}/x", "<{}>", "the {}'s", "a_{}_b", "{}.local", "DOM\\{}", "x={};", "«{}»", "({}@tty)")
    ),
)
def test_own_names_never_survive_in_any_case(name: str, form: str) -> None:
    assert name.lower() not in Redactor(ANA).redact(form.format(name)).text.lower()


def test_pseudonyms_are_the_same_in_all_texts_and_readable() -> None:
    redactor = Redactor(ANA, key=b"k" * 32)
    one = redactor.redact("abenitez from 10.1.7.12 to 10.1.7.1, mail to luz@example.org, aa:bb:cc:dd:ee:0f")
    two = redactor.redact("AA-BB-CC-DD-EE-0F has 10.1.7.12, LUZ@example.org, other@example.org, user abenitez")
    assert one.text.startswith("user-1 from ip-")
    subnet = one.text.split("ip-")[1].split(".")[0]
    assert one.text == f"user-1 from ip-{subnet}.12 to ip-{subnet}.1, mail to mail-1, mac-1"
    assert two.text == f"mac-1 has ip-{subnet}.12, mail-1, mail-2, user user-1"
    assert one.counts == {"ip": 2, "mac": 1, "mail": 1, "user": 1}


def test_every_pseudonym_is_found_again_by_the_public_expression() -> None:
    text = (
        "abenitez Ana pc-lumbreras lumbreras.example.org 10.1.2.3 2001:db8::1 a@example.org aa:bb:cc:dd:ee:0f "
        "/home/abenitez/x 4111111111111111 ES9121000418450200051332 +34600123456 "
        "aB3dE5gH7jK9mN1pQ4sT6vX8zC2fR0wY token=abcdefgh\nCookie: abc"
    )
    redactor = Redactor(ANA)
    redactor.hide_word("Cookie")
    shown = redactor.redact(text).text
    left = PSEUDONYM.sub("", shown)
    assert left.split() == ["/x", "token="] or left.split() == ["/x", "token=", ":"]


def test_what_is_harmless_stays_as_it_is() -> None:
    harmless = """\
127.0.0.1 0.0.0.0 255.255.255.0 ::1 :: 00:00:00:00:00:00 ff:ff:ff:ff:ff:ff 224.0.0.251
Chrome 120.0.6099.129, version 6.1.0.3, v1.2.3.4, libfoo-1.2.3.4, package==5.0.0.93, 1.2.3.4.5
550e8400-e29b-41d4-a716-446655440000 d41d8cd98f00b204e9800998ecf8427e 1700000000000000
max_tokens=4096 password_length: 12 PasswordAuthentication no tokenizer: bert PWD=/var/log passwordless
keyboard: us, Author: someone, compass: north, monkey=banana, "state": "running", "code": 200
getty@tty1.service user@1000.service image@2x.png 10:42:11 2026-11-21T10:42:11+0000 std::string cafe::bad
/usr/lib/x86_64-linux-gnu/qt6/plugins/platforms/libqxcb.so QAbstractItemViewPrivateSlotsHandler12
4111111111111112 tel: 12 call me at +12 UTC+0200 http://localhost:8080/a@b http://example.org:80/x
banana anagram hosts abenitezian
"""
    redacted = Redactor(ANA).redact(harmless)
    assert redacted.text == harmless
    assert redacted.counts == {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pay 4111 1111 1111 1111 now", "pay [card] now"),
        ("amex 378282246310005", "amex [card]"),
        ("ES91 2100 0418 4502 0005 1332 PAGO", "[iban] PAGO"),
        ("de89370400440532013000.", "[iban]."),
        ("llama al +54 9 11 1234-5678", "llama al [phone]"),
        ("Teléfono: (011) 4321-5678", "Teléfono: [phone]"),
        ("ping 2001:db8::8a2e:370:7334.", "ping ip6-"),
        ("fe80::1ff:fe23:4567:890a%eth0", "%eth0"),
        ("/home/otra/.ssh", "/home/user-2/.ssh"),
        ("C:\\Users\\Luz María\\x", "C:\\Users\\user-2\\x"),
        ("/home/abenitez/.config", "[home]/.config"),
        ('"C:\\\\Users\\\\abenitez\\\\x"', '"[home]\\\\x"'),
        ("pc-lumbreras.lumbreras.example.org", "host-1.domain-1"),
        ("abc-10.159.14.1 up", "abc-ip-"),
        ("pc-lumbreras-10.1.2.3", "host-1-ip-"),
        ("192.168.1.5:8080 10.0.0.0/24", ":8080 ip-"),
        ("\n192.168.7.0/24 direct", ".0/24 direct"),
    ],
)
def test_personal_data_gets_its_pseudonym(text: str, shown: str) -> None:
    redacted = Redactor(ANA).redact(text)
    assert shown in redacted.text
    assert redacted.hidden >= 1


def test_long_random_runs_are_hidden_even_without_a_name() -> None:
    text = Redactor(ANA).redact("x wJ7rXUtnF3MIzK8MDENGqbPxRf1CYzX4MPL9K2yQ y").text
    assert text == "x [secret] y"


def test_a_chosen_word_is_hidden_everywhere_even_within_words() -> None:
    redactor = Redactor(ANA)
    before = redactor.redact("Proyecto Quimera: quimeras de user abenitez").text
    redactor.hide_word("quimera")
    redactor.hide_word("user-1")
    assert redactor.redact(before).text == "Proyecto [hidden]: [hidden]s de user [hidden]"
    assert redactor.redact("QUIMERA").counts == {"hidden": 1}


def test_a_chosen_word_does_not_eat_the_pseudonyms() -> None:
    redactor = Redactor(ANA)
    redactor.hide_word("ip")
    redactor.hide_word("password")
    assert redactor.redact("abenitez ip password=hunter22").text == "user-1 [hidden] [hidden]=[password]"


def test_the_redactions_tell_kinds_and_counts_only() -> None:
    redacted = Redactor(ANA).redact("10.1.2.3 10.1.2.3 password=hunter22")
    assert redacted.counts == {"ip": 2, "password": 1}


def test_a_name_that_does_not_fit_does_not_cover_another() -> None:
    overlapping = Identity(full_names=("Ana Benítez",), hosts=("benítez-pc",))
    assert Redactor(overlapping).redact("xAna Benítez-pc").text == "xAna host-1"


def test_common_words_are_no_identity() -> None:
    common = Identity(
        users=("root", "test", "ana", "x"), hosts=("debian", "localhost"), domains=("local",), homes=("/root",)
    )
    text = "root test debian localhost local /root x"
    assert Redactor(common).redact(text).text == text
    assert Redactor(common).redact("ana").text == "user-1"


def test_the_own_identity_comes_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "fumagalli")
    monkeypatch.setenv("HOME", "/srv/people/fumagalli")
    monkeypatch.setenv("USERDNSDOMAIN", "CORP.LUMBRERAS.EXAMPLE")
    monkeypatch.setattr("socket.gethostname", lambda: "pc-17.lumbreras.example.org")
    found = own_identity()
    assert "fumagalli" in found.users
    assert "/srv/people/fumagalli" in found.homes
    assert "pc-17" in found.hosts
    assert {"CORP.LUMBRERAS.EXAMPLE", "lumbreras.example.org"} <= set(found.domains)
    assert Redactor(found).redact("/srv/people/fumagalli/x on PC-17").text == "[home]/x on host-1"


def test_subnets_differ_and_another_key_gives_other_letters() -> None:
    addresses = " ".join(f"10.{n}.0.1" for n in range(60))
    one = Redactor(Identity(), key=b"a").redact(addresses).text
    assert len(set(one.split())) == 60
    assert one == Redactor(Identity(), key=b"a").redact(addresses).text
    assert one != Redactor(Identity(), key=b"b").redact(addresses).text
