"""Parsers on what real machines said, and the Linux collectors with programs that answer so."""

from __future__ import annotations

import json
import plistlib
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from client.diagnostics import Context, Facts, disks, journal, linux, macos, network, windows
from client.diagnostics.common import without_credentials
from client.diagnostics.findings import find

Program = Callable[[str, str], Path]


def entry(message: object, priority: int = 4, who: str = "kernel", at_s: float = 1_795_000_000) -> str:
    told = {
        "MESSAGE": message, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": who,
        "__REALTIME_TIMESTAMP": str(int(at_s * 1e6)), "__CURSOR": "s=1;i=2",
    }  # fmt: skip
    return json.dumps(told)


def test_the_journal_is_grouped_worst_first_and_its_errors_are_counted(context: Context, program: Program) -> None:
    lines = [entry(f"Buffer I/O error on dev sda1, logical block {n}", 3) for n in range(3)]
    lines += [entry(list("señal".encode()), 4, "app"), entry("NVRM: Xid (PCI:0000:01:00): 79", 3), "{broken"]
    lines += [entry(None, 4, "empty")]
    program("journalctl", "cat <<'END'\n" + "\n".join(lines) + "\nEND")
    facts = journal.journal(context)
    assert facts.status == "ok"
    assert (facts.values["disk_errors"], facts.values["gpu_errors"], facts.values["entries"]) == (3, 1, 6)
    first = facts.text.splitlines()[3]
    assert first.split()[:2] == ["3", "err"]
    assert "señal" in facts.text


def test_a_journal_without_anything_at_all_is_absent_not_healthy(context: Context, program: Program) -> None:
    program("journalctl", "exit 0")
    with pytest.raises(Exception, match="the journal gave nothing"):
        journal.journal(context)


def test_a_journal_without_warnings_says_so(context: Context, program: Program) -> None:
    program("journalctl", f"case \"$*\" in *warning*) ;; *) echo '{entry('hello', 6)}';; esac")
    assert journal.journal(context).text == "No warnings in the last 24 hours"


def test_a_journal_of_ones_own_messages_only_is_partial(context: Context, program: Program) -> None:
    program(
        "journalctl", f"echo 'Hint: You are currently not seeing messages from other users' >&2; echo '{entry('x')}'"
    )
    facts = journal.journal(context)
    assert facts.status == "partial"
    assert facts.text.startswith("Only this user's own messages")


def test_core_dumps_and_crash_reports_are_told_by_name(
    context: Context, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    dumps = [{"time": int((now - 60) * 1e6), "pid": 1, "sig": 11, "exe": "/usr/bin/gedit", "corefile": "present"}]
    program("coredumpctl", f"echo '{json.dumps(dumps)}'")
    report = tmp_path / "_usr_bin_totem.1000.crash"
    report.write_text("secret memory")
    assert journal.crash_files([report, tmp_path / "other.txt"])[0][1] == "totem"
    facts = journal.crashes(context)
    assert "gedit" in facts.text
    assert "signal 11" in facts.text
    assert facts.values["recent"] == ["gedit"]


def test_failed_units_are_listed_by_scope(
    context: Context, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = [{"unit": "cups.service", "load": "loaded", "active": "failed", "sub": "failed", "description": "CUPS"}]
    program(
        "systemctl", f"case $1 in --system) echo '{json.dumps(units)}';; *) echo 'Failed to connect' >&2; exit 1;; esac"
    )
    monkeypatch.setattr(linux, "SYSTEMD", tmp_path)
    facts = linux.services(context)
    assert facts.values["failed"] == ["cups.service"]
    assert facts.status == "partial"
    assert "user" in facts.reason


def test_the_clock_is_read_from_key_value_lines(context: Context, program: Program) -> None:
    program("timedatectl", "printf 'Timezone=America/Lima\\nLocalRTC=no\\nNTP=yes\\nNTPSynchronized=no\\n'")
    facts = linux.clock(context)
    assert facts.values == {"synchronised": False, "ntp": True}
    assert "America/Lima" in facts.text
    assert "not synchronised" in facts.text


def test_graphics_cards_and_their_renderer(context: Context, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program("lspci", "cat <<'END'\n"
            '00:02.0 "VGA compatible controller" "Intel Corporation" "TigerLake GT2" -r01 "Dell" "Device 0a6d"\n'
            '00:1f.3 "Audio device" "Intel Corporation" "Tiger Lake-LP" -r20 "Dell" "x"\nEND')  # fmt: skip
    program("glxinfo", "echo 'OpenGL renderer string: llvmpipe (LLVM 15, 256 bits)'")
    monkeypatch.setenv("DISPLAY", ":99")
    facts = linux.gpu(context)
    assert "Intel Corporation TigerLake GT2" in facts.text
    assert "Audio" not in facts.text
    assert facts.values["software"] is True


def test_routes_come_from_ip_or_from_proc() -> None:
    told = [{"dst": "default", "gateway": "10.0.0.1", "dev": "wlan0"}, {"dst": "10.0.0.0/24", "dev": "wlan0"}]
    assert network.parse_routes(json.dumps(told)) == [
        ("default", "10.0.0.1", "wlan0"),
        ("10.0.0.0/24", "direct", "wlan0"),
    ]
    lines = [
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
    ]
    assert network.parse_proc_routes(lines) == [
        ("default", "192.0.2.1", "eth0"),
        ("192.0.2.0/24", "direct", "eth0"),
    ]


def test_desktop_proxies_are_told_without_their_credentials() -> None:
    manual = (
        "org.gnome.system.proxy mode 'manual'\norg.gnome.system.proxy.http host 'proxy.example'\n"
        "org.gnome.system.proxy.http port 3128\norg.gnome.system.proxy.http authentication-password 'hunter22'\n"
        "org.gnome.system.proxy.https host ''\n"
    )
    assert network.parse_gnome_proxy(manual) == "http proxy.example:3128"
    assert network.parse_gnome_proxy("org.gnome.system.proxy mode 'none'\n") == ""
    assert network.parse_kde_proxy(["[Proxy Settings]", "ProxyType=2"]) == "automatic"
    assert without_credentials("http://user:hunter22@proxy.example:3128") == "http://proxy.example:3128"
    assert without_credentials("proxy.example:3128") == "proxy.example:3128"


def test_a_proxy_of_the_environment_only_is_found(
    context: Context, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter22@proxy.example:3128")
    program("gsettings", "echo \"org.gnome.system.proxy mode 'none'\"")
    facts = network.network(context)
    assert "hunter22" not in facts.text
    assert "proxy_environment" in [finding.id for finding in find({"network": facts.values})]


def partition(device: str, mount: str, kind: str, options: str = "rw") -> SimpleNamespace:
    return SimpleNamespace(device=device, mountpoint=mount, fstype=kind, opts=options)


def test_a_network_disk_that_does_not_answer_is_named_and_holds_up_nothing(
    context: Context, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = [
        partition("/dev/sda1", "/", "ext4"),
        partition("/dev/loop3", "/snap/x/1", "squashfs"),
        partition("/dev/sda1", "/var/bind/mount", "ext4"),
        partition("nas:/dead", "/mnt/dead", "nfs4"),
        partition("//srv/share", "/mnt/a share", "cifs"),
    ]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: mounts)
    program("df", 'case "$2" in /mnt/dead) exec sleep 300;; esac\n'
            'echo "Filesystem 1024-blocks Used Available Capacity Mounted on"\n'
            'echo "//srv/share 1000 900 100 90% $2"')  # fmt: skip
    facts = disks.disks(context)
    assert facts.status == "partial"
    assert facts.reason == "1 network folder does not answer"
    assert facts.values["silent"] == ["/mnt/dead"]
    found = {disk.mount: disk for disk in facts.values["disks"]}  # type: ignore[attr-defined]
    assert set(found) == {"/", "/mnt/a share"}
    assert found["/"].system
    assert found["/mnt/a share"].used_pct == pytest.approx(90)
    assert "gave no answer" in facts.text


def test_windows_eleven_is_known_by_its_build() -> None:
    told = {
        "ProductName": "Windows 10 Pro", "DisplayVersion": "24H2", "CurrentBuildNumber": "26100", "UBR": 2314,
        "EditionID": "Professional",
    }  # fmt: skip
    described = dict(windows.describe_version(told))
    assert described["System"] == "Windows 11 Pro"
    assert described["Build"] == "26100.2314"
    assert (
        dict(windows.describe_version({"ProductName": "Windows 10 Pro", "CurrentBuild": "19045"}))["System"]
        == "Windows 10 Pro"
    )


def test_windows_adapters_show_driver_and_software_drawing() -> None:
    cards = [
        {"DriverDesc": "NVIDIA RTX A2000", "DriverVersion": "31.0.15.4601", "DriverDate": "9-20-2023",
         "HardwareInformation.qwMemorySize": 6 * 2**30},
    ]  # fmt: skip
    facts = windows.describe_adapters(cards)
    assert "6.4 GB" in facts.text
    assert facts.values["software"] is False
    assert windows.describe_adapters([{"DriverDesc": "Microsoft Basic Display Adapter"}]).values["software"] is True
    assert windows.describe_adapters([]).status == "partial"


def test_windows_proxy_reports_and_clock() -> None:
    assert windows.describe_proxy({"ProxyEnable": 0, "ProxyServer": "old:1"}) == ""
    told = {"ProxyEnable": 1, "ProxyServer": "http=http://u:p@a:1;https=b:2", "AutoConfigURL": "http://x/wpad.dat"}
    assert windows.describe_proxy(told) == "automatic http://x/wpad.dat, http=http://a:1 https=b:2"
    assert windows.parse_reports([
        ("AppCrash_winword.exe_1f3a9b_deadbeef", 5.0), ("AppHang_teams.exe_12_34", 6.0), ("notepad.exe.1234.dmp", 7.0),
        ("NonCritical_x", 8.0),
    ]) == [(5.0, "winword.exe", "crash"), (6.0, "teams.exe", "hang"), (7.0, "notepad.exe", "dump")]  # fmt: skip
    assert windows.describe_time_service({"Type": "NoSync"}).values["synchronised"] is False
    assert windows.describe_time_service({"Type": "NT5DS"}).values["synchronised"] is None


def test_macos_proxy_and_reports(tmp_path: Path) -> None:
    told = """<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
  }
  HTTPEnable : 1
  HTTPPort : 8080
  HTTPProxy : proxy.example
  ProxyAutoConfigEnable : 1
  ProxyAutoConfigURLString : http://u:p@example/proxy.pac
}"""
    assert macos.parse_proxy(told) == "http proxy.example:8080, automatic http://example/proxy.pac"
    assert macos.parse_proxy("<dictionary> {\n  FTPPassive : 1\n}") == ""
    head = {"app_name": "Pages", "timestamp": "2026-11-20 09:10:11.00 -0500", "bug_type": "309"}
    report = tmp_path / "Pages-2026-11-20-091011.ips"
    report.write_text(json.dumps(head) + '\n{"body": 1}\n')
    broken = tmp_path / "broken.ips"
    broken.write_text("not json\n")
    (at_s, program, how), *rest = macos.parse_reports([report, broken])
    assert (program, how, rest) == ("Pages", "crash", [])
    assert at_s == pytest.approx(1_795_183_811)


def test_macos_property_lists(tmp_path: Path) -> None:
    path = tmp_path / "SystemVersion.plist"
    path.write_bytes(plistlib.dumps({"ProductName": "macOS", "ProductVersion": "15.1", "ProductBuildVersion": "24B83"}))
    assert macos.describe_version(macos.property_list(path)) == [("System", "macOS 15.1"), ("Build", "24B83")]
    assert macos.property_list(tmp_path / "missing.plist") == {}
    text = macos.describe_language(
        {"AppleLanguages": ["es-MX", "en"], "AppleLocale": "es_MX"},
        {"AppleSelectedInputSources": [{"KeyboardLayout Name": "Spanish"}, {"InputSourceKind": "x"}]},
    )
    assert text.splitlines() == ["Languages: es-MX en", "Region:    es_MX", "Keyboards: Spanish"]


@pytest.mark.parametrize("system", [windows, macos, linux])
def test_every_system_declares_collectors_with_words_in_both_languages(system: object) -> None:
    from client import words

    collectors = system.COLLECTORS  # type: ignore[attr-defined]
    assert len({one.id for one in collectors}) == len(collectors) >= 10
    assert all(one.title in words.catalog("es") and one.why in words.catalog("es") for one in collectors)
    assert {"os", "memory", "disks", "network", "desk", "testigo"} <= {one.id for one in collectors}


def test_macos_collectors_run_even_where_nothing_of_macos_is(context: Context, home: Path) -> None:
    for collector in macos.COLLECTORS:
        facts = collector.collect(context)
        assert isinstance(facts, Facts)
        assert facts.text
