"""Templates of machine policy for those who look after computers, made from the settings' own table: no second list.

Windows gets an ADMX with its ADML in every language, macOS a manifest for editors of profiles and a profile to fill in,
Linux commented files for ``/etc/testigo/policies``. As they come, none of them sets anything.
"""

from __future__ import annotations

import math
import plistlib
import uuid
import xml.etree.ElementTree as Xml
from collections.abc import Iterator
from contextlib import contextmanager
from xml.sax.saxutils import escape

from client import words
from client.policy import RECOMMENDED, REGISTRY_KEY
from client.settings import OPTIONS, SECTIONS
from client.words import detail, say
from uploader.setting import Setting

PLACES = {
    "desks": ("helpdesk", "rt", "https://rt.example.org"),
    "shares": ("files", "nextcloud", "https://cloud.example.org"),
}
"""The sections whose entries have names of one's own, with the example that the templates use."""
DOMAIN = "testigo"
CULTURES = {"en": "en-US", "es": "es-ES"}
MOST_DWORD = 2**31 - 1


def templates() -> dict[str, str]:
    """The files by their path. Windows chooses the language by itself; the others are in the present one."""
    return {
        "windows/Testigo.admx": admx(),
        **{f"windows/{culture}/Testigo.adml": adml(language) for language, culture in CULTURES.items()},
        "macos/testigo.plist": manifest(),
        "macos/testigo.mobileconfig": profile(),
        "linux/managed/testigo.toml": toml(recommended=False),
        "linux/recommended/testigo.toml": toml(recommended=True),
    }


def _options(*, recommended: bool) -> dict[str, Setting]:
    return {key: option for key, option in OPTIONS.items() if not (recommended and option.policy_only)}


def _about(key: str, option: Setting) -> str:
    """What a setting does, what it may be, and how it is called."""
    parts = [detail(option.help, {}) if option.help else ""]
    if option.choices:
        parts.append(say("One of {choices}.", choices=", ".join(option.choices)))
    if option.policy_only:
        parts.append(say("Only a policy can set it."))
    parts.append(say("Setting {key}; without it: {value}.", key=key, value=_toml_value(option.default)))
    return " ".join(part if part.endswith((".", ":")) else f"{part}." for part in parts if part)


def _place_about(table: str) -> str:
    name, kind, url = PLACES[table]
    return say("A desk or share is one value: its kind and what that kind wants, such as kind = {kind}, url = {url}. "
               "It is called “{name}” here.", kind=kind, url=url, name=name)  # fmt: skip


# -- Windows ----------------------------------------------------------------------------------------------------


def admx() -> str:
    """Source: Microsoft, "Group Policy ADMX Syntax Reference Guide", 2008."""
    root = _definitions("policyDefinitions")
    spaces = Xml.SubElement(root, "policyNamespaces")
    Xml.SubElement(spaces, "target", prefix=DOMAIN, namespace="Testigo.Policies")
    Xml.SubElement(root, "resources", minRequiredRevision="1.0")
    supported = Xml.SubElement(Xml.SubElement(root, "supportedOn"), "definitions")
    Xml.SubElement(supported, "definition", name="any", displayName="$(string.any)")
    categories, policies = Xml.SubElement(root, "categories"), Xml.SubElement(root, "policies")
    Xml.SubElement(categories, "category", name=DOMAIN, displayName="$(string.testigo)")
    low = Xml.SubElement(categories, "category", name="recommended", displayName="$(string.recommended)")
    Xml.SubElement(low, "parentCategory", ref=DOMAIN)
    for prefix, above, key in (("", DOMAIN, ""), ("recommended_", "recommended", rf"\{RECOMMENDED}")):
        options = _options(recommended=bool(prefix))
        for section in (*dict.fromkeys(name.partition(".")[0] for name in options), *PLACES):
            category = Xml.SubElement(
                categories, "category", name=prefix + section, displayName=f"$(string.section_{section})"
            )
            Xml.SubElement(category, "parentCategory", ref=above)
        for name, option in options.items():
            section, _, field = name.partition(".")
            policy = _policy(policies, prefix, f"{section}_{field}", section, rf"{REGISTRY_KEY}{key}\{section}")
            _value(policy, prefix, field, option)
        for table, (name, _, _) in PLACES.items():
            place = rf"{REGISTRY_KEY}{key}\{table}\{name}"
            policy = _policy(policies, prefix, f"{table}_{name}", table, place)
            policy.set("presentation", f"$(presentation.{prefix}{table}_{name})")
            elements = Xml.SubElement(policy, "elements")
            Xml.SubElement(elements, "list", id=f"{prefix}{table}_{name}", key=place, explicitValue="true")
    return _xml(root)


def _policy(policies: Xml.Element, prefix: str, name: str, section: str, key: str) -> Xml.Element:
    """``class`` Machine: the user's own registry is never read."""
    policy = Xml.SubElement(
        policies, "policy", {"name": prefix + name, "class": "Machine", "displayName": f"$(string.{name})",
                             "explainText": f"$(string.{name}_help)", "key": key},
    )  # fmt: skip
    Xml.SubElement(policy, "parentCategory", ref=prefix + section)
    Xml.SubElement(policy, "supportedOn", ref="any")
    return policy


def _value(policy: Xml.Element, prefix: str, field: str, option: Setting) -> None:
    """How the registry holds it: a flag as 1 or 0, a number as DWORD, all else as text."""
    if option.kind == "flag":
        policy.set("valueName", field)
        for tag, value in (("enabledValue", "1"), ("disabledValue", "0")):
            Xml.SubElement(Xml.SubElement(policy, tag), "decimal", value=value)
        return
    name = policy.get("name", "")
    policy.set("presentation", f"$(presentation.{name})")
    elements = Xml.SubElement(policy, "elements")
    if option.choices:
        chosen = Xml.SubElement(elements, "enum", id=name, valueName=field, required="true")
        for choice in option.choices:
            item = Xml.SubElement(chosen, "item", displayName=f"$(string.{name.removeprefix(prefix)}_{choice})")
            Xml.SubElement(Xml.SubElement(item, "value"), "string").text = choice
    elif option.kind == "number":
        least = str(math.ceil(option.least or 0))
        most = str(MOST_DWORD if option.most is None else math.floor(option.most))
        Xml.SubElement(elements, "decimal", id=name, valueName=field, minValue=least, maxValue=most)
    else:
        Xml.SubElement(elements, "text", id=name, valueName=field, required="true")


def adml(language: str) -> str:
    """The words of the ADMX in one language."""
    with _speaking(language):
        root = _definitions("policyDefinitionResources")
        Xml.SubElement(root, "displayName").text = "Testigo"
        Xml.SubElement(root, "description").text = say("What an organisation sets for Testigo.")
        resources = Xml.SubElement(root, "resources")
        strings = Xml.SubElement(resources, "stringTable")
        shown = Xml.SubElement(resources, "presentationTable")
        texts = {
            "testigo": "Testigo",
            "any": "Testigo",
            "recommended": say("Recommended (the user may choose otherwise)"),
        }
        texts |= {f"section_{section}": f"[{section}]" for section in (*SECTIONS, *PLACES)}
        for key, option in OPTIONS.items():
            name, title = key.replace(".", "_"), detail(option.title, {})
            texts |= {name: title, f"{name}_help": _about(key, option)}
            texts |= {f"{name}_{choice}": choice for choice in option.choices}
            for prefix in ("",) if option.policy_only else ("", "recommended_"):
                _presentation(shown, prefix + name, title, option)
        for table, (place, _, _) in PLACES.items():
            name = f"{table}_{place}"
            texts |= {name: f"[{table}.{place}]", f"{name}_help": _place_about(table)}
            for prefix in ("", "recommended_"):
                holder = Xml.SubElement(shown, "presentation", id=prefix + name)
                Xml.SubElement(holder, "listBox", refId=prefix + name).text = f"[{table}.{place}]"
        for name, text in texts.items():
            Xml.SubElement(strings, "string", id=name).text = text
    return _xml(root)


def _presentation(shown: Xml.Element, name: str, title: str, option: Setting) -> None:
    if option.kind == "flag":
        return
    holder = Xml.SubElement(shown, "presentation", id=name)
    if option.choices:
        place = str(option.choices.index(option.default))
        Xml.SubElement(holder, "dropdownList", refId=name, noSort="true", defaultItem=place).text = title
    elif option.kind == "number":
        Xml.SubElement(holder, "decimalTextBox", refId=name, defaultValue=f"{option.default:.0f}").text = title
    else:
        box = Xml.SubElement(holder, "textBox", refId=name)
        Xml.SubElement(box, "label").text = title


def _definitions(tag: str) -> Xml.Element:
    return Xml.Element(tag, {
        "xmlns": "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions", "revision": "1.0",
        "schemaVersion": "1.0",
    })  # fmt: skip


def _xml(root: Xml.Element) -> str:
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


@contextmanager
def _speaking(language: str) -> Iterator[None]:
    before = words.language()
    words.speak(language)
    try:
        yield
    finally:
        words.speak(before)


# -- macOS ------------------------------------------------------------------------------------------------------


def manifest() -> str:
    """For editors of profiles. Source: ProfileManifests, "Manifest Format", 2024."""
    both = [_keys(recommended=False), _keys(recommended=True)]
    both[0].append({"pfm_name": RECOMMENDED, "pfm_type": "dictionary", "pfm_subkeys": both[1],
                    "pfm_title": say("Recommended (the user may choose otherwise)")})  # fmt: skip
    told = {"pfm_domain": DOMAIN, "pfm_format_version": 1, "pfm_version": 1, "pfm_platforms": ["macOS"],
            "pfm_title": "Testigo", "pfm_description": say("What an organisation sets for Testigo."),
            "pfm_subkeys": both[0]}  # fmt: skip
    return plistlib.dumps(told, sort_keys=False).decode()


def _keys(*, recommended: bool) -> list[dict[str, object]]:
    options, found = _options(recommended=recommended), list[dict[str, object]]()
    for section in SECTIONS:
        below = [_key(key, option) for key, option in options.items() if key.startswith(f"{section}.")]
        if below:
            found.append({"pfm_name": section, "pfm_type": "dictionary", "pfm_title": section, "pfm_subkeys": below})
    found += [{"pfm_name": table, "pfm_type": "dictionary", "pfm_title": table, "pfm_description": _place_about(table)}
              for table in PLACES]  # fmt: skip
    return found


def _key(key: str, option: Setting) -> dict[str, object]:
    kind = {"flag": "boolean", "number": "real" if isinstance(option.default, float) else "integer"}
    told: dict[str, object] = {
        "pfm_name": key.partition(".")[2], "pfm_type": kind.get(option.kind, "string"),
        "pfm_title": detail(option.title, {}), "pfm_description": _about(key, option), "pfm_default": option.default,
    }  # fmt: skip
    if option.choices:
        told["pfm_range_list"] = list(option.choices)
    if option.least is not None:
        told["pfm_range_min"] = option.least
    if option.most is not None:
        told["pfm_range_max"] = option.most
    return told


def profile() -> str:
    """A profile in which every key waits in a comment. Source: Apple, "Configuration Profile Reference", 2019."""
    lines = list[str]()
    for section in SECTIONS:
        lines.append(f"<key>{section}</key>\n<dict>")
        for key, option in OPTIONS.items():
            if key.startswith(f"{section}."):
                value = plistlib.dumps(option.default).decode().partition('<plist version="1.0">')[2]
                value = value.partition("</plist>")[0].strip()
                about = escape(_about(key, option)).replace("--", "—")
                lines.append(f"    <!-- {about} -->\n    <!--<key>{key.partition('.')[2]}</key>{value}-->")
        lines.append("</dict>")
    inner = "\n".join(lines).replace("\n", "\n                ")
    return PROFILE.format(domain=DOMAIN, inner=inner, one=_fixed("settings"), two=_fixed("profile"))


def _fixed(name: str) -> str:
    """The same at every making, so that a newer profile takes the place of an older one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:testigo:{name}")).upper()


PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
    <key>PayloadType</key><string>Configuration</string>
    <key>PayloadVersion</key><integer>1</integer>
    <key>PayloadScope</key><string>System</string>
    <key>PayloadIdentifier</key><string>{domain}.policy</string>
    <key>PayloadUUID</key><string>{two}</string>
    <key>PayloadDisplayName</key><string>Testigo</string>
    <key>PayloadContent</key>
    <array><dict>
        <key>PayloadType</key><string>com.apple.ManagedClient.preferences</string>
        <key>PayloadVersion</key><integer>1</integer>
        <key>PayloadIdentifier</key><string>{domain}.policy.settings</string>
        <key>PayloadUUID</key><string>{one}</string>
        <key>PayloadContent</key>
        <dict><key>{domain}</key><dict><key>Forced</key><array><dict>
            <key>mcx_preference_settings</key>
            <dict>
                {inner}
            </dict>
        </dict></array></dict></dict>
    </dict></array>
</dict>
</plist>
"""


# -- Linux ------------------------------------------------------------------------------------------------------


def toml(*, recommended: bool) -> str:
    """A file in which every key waits in a comment."""
    locked = say("What is set here is locked: the user cannot change it.")
    advised = say("What is set here is recommended: it holds until the user chooses something else.")
    how = say("Take the # away before a key to set it; “testigo policy check FILE” looks at it.")
    lines = [f"# {advised if recommended else locked}", f"# {how}"]
    options = _options(recommended=recommended)
    for section in SECTIONS:
        own = {key: option for key, option in options.items() if key.startswith(f"{section}.")}
        if own:
            lines += ["", f"[{section}]"]
        for key, option in own.items():
            lines.append(f"# {detail(option.title, {})}. {_about(key, option)}")
            lines.append(f"#{key.partition('.')[2]} = {_toml_value(option.default)}")
    for table, (name, kind, url) in PLACES.items():
        lines += ["", f"# {_place_about(table)}", f"#[{table}.{name}]", f'#kind = "{kind}"', f'#url = "{url}"']
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
