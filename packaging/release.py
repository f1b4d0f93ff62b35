#!/usr/bin/env python3
"""Everything that a release publishes, from the archives in dist/: npm and Python packages, a Debian package,
a Homebrew formula, the entry of the MCP registry, a list of components (SBOM), checksums.

    packaging/dist.sh && packaging/release.py [--repository https://github.com/OWNER/REPO] [--out dist]
    packaging/release.py --entry --repository https://github.com/OWNER/REPO     # prints the registry's entry

Nothing is compiled and nothing is uploaded. It names the artefacts that it leaves out because a tool is missing, and
`--all` makes that a failure. Without `--repository` the formula and the registry's entry are left out.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAME, PACKAGE = "maestro-mcp", "maestro-consult"
ABOUT = "An MCP server: second opinions from the Codex, Gemini and Claude command lines, stage by approved stage"

# Rust's target: npm's (platform, arch, libc, our suffix), Homebrew's block.
TARGETS = {
    "x86_64-unknown-linux-gnu": (("linux", "x64", "glibc", "linux-x64"), None),
    "aarch64-unknown-linux-gnu": (("linux", "arm64", "glibc", "linux-arm64"), None),
    "x86_64-unknown-linux-musl": (("linux", "x64", "musl", "linux-x64-musl"), ("linux", "intel")),
    "aarch64-unknown-linux-musl": (("linux", "arm64", "musl", "linux-arm64-musl"), ("linux", "arm")),
    "x86_64-apple-darwin": (("darwin", "x64", None, "darwin-x64"), ("macos", "intel")),
    "aarch64-apple-darwin": (("darwin", "arm64", None, "darwin-arm64"), ("macos", "arm")),
}


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def version():
    return re.search(r'^version = "(.*)"', read("Cargo.toml"), re.M).group(1)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return digest


def on_github(url):
    """The repository's address without what people add to it. The registry knows whose `io.github` name it is by
    the owner, so another host's would be refused there."""
    found = re.fullmatch(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+?)(?:\.git)?/?", url)
    if not found:
        raise argparse.ArgumentTypeError("%r is not https://github.com/OWNER/REPO" % url)
    return "https://github.com/%s/%s" % found.groups()


def registry_name(repository):
    return "io.github.%s/%s" % (repository.split("/")[-2], PACKAGE)


def filled(template, repository, **more):
    text = read("packaging", *template)
    for key, value in dict(more, VERSION=version(), REPOSITORY=repository).items():
        text = text.replace("@%s@" % key, value)
    return text


def registry_entry(repository):
    return filled(("registry", "server.json.in"), repository, REGISTRY_NAME=registry_name(repository))


class Release:
    def __init__(self, out, repository):
        self.out, self.repository, self.version = os.path.abspath(out), repository, version()
        self.made, self.left_out = [], []
        self.work = tempfile.mkdtemp(prefix="maestro-release-")
        self.archives = {}
        for target in TARGETS:
            archive = os.path.join(self.out, "%s-%s-%s.tar.gz" % (NAME, self.version, target))
            if os.path.exists(archive):
                self.archives[target] = archive
        if not self.archives:
            sys.exit("release: there is no archive in %s: run packaging/dist.sh first" % self.out)

    def unpacked(self, target):
        place = os.path.join(self.work, target)
        if not os.path.isdir(place):
            with tarfile.open(self.archives[target]) as archive:
                archive.extractall(self.work, filter="data")
            os.rename(os.path.join(self.work, "%s-%s-%s" % (NAME, self.version, target)), place)
        return place

    def add(self, path):
        self.made.append(os.path.basename(path))

    def skip(self, what, why):
        self.left_out.append("%s: %s" % (what, why))

    # npm: one package per platform, and one that chooses among them.
    def npm(self):
        if not shutil.which("npm"):
            return self.skip("npm packages", "npm is not installed")
        common = {"version": self.version, "license": "MIT", "description": ABOUT}
        if self.repository:
            common["repository"] = {"type": "git", "url": "git+%s.git" % self.repository}
        for target in self.archives:
            platform, arch, libc, suffix = TARGETS[target][0]
            place = os.path.join(self.work, "npm", suffix)
            os.makedirs(os.path.join(place, "bin"))
            shutil.copy(os.path.join(self.unpacked(target), NAME), os.path.join(place, "bin", NAME))
            package = dict(common, name="%s-%s" % (PACKAGE, suffix), os=[platform], cpu=[arch], files=["bin"])
            package["description"] = "The binary of %s for %s" % (PACKAGE, suffix)
            if libc:
                package["libc"] = [libc]
            self.pack(place, package)
        place = os.path.join(self.work, "npm", "main")
        os.makedirs(os.path.join(place, "bin"))
        shutil.copy(os.path.join(ROOT, "packaging", "npm", "launcher.js"), os.path.join(place, "bin", "maestro-mcp.js"))
        os.chmod(os.path.join(place, "bin", "maestro-mcp.js"), 0o755)
        shutil.copy(os.path.join(ROOT, "README.md"), place)
        package = dict(common, name=PACKAGE, bin={NAME: "bin/maestro-mcp.js"}, files=["bin"], engines={"node": ">=18"},
                       keywords=["mcp", "codex", "gemini", "claude", "second-opinion"],
                       # Every platform that may ever be published; one without a package is optional.
                       optionalDependencies={"%s-%s" % (PACKAGE, TARGETS[t][0][3]): self.version for t in self.archives})
        if self.repository:
            package["mcpName"] = registry_name(self.repository)
        self.pack(place, package)

    def pack(self, place, package):
        write(os.path.join(place, "package.json"), json.dumps(package, indent=2) + "\n")
        shutil.copy(os.path.join(ROOT, "LICENSE"), place)
        done = subprocess.run(["npm", "pack", "--silent", "--pack-destination", self.out], cwd=place, check=True,
                              text=True, stdout=subprocess.PIPE)
        self.add(os.path.join(self.out, done.stdout.strip().splitlines()[-1]))

    # Python: the form of `maturin build` with bindings = "bin", around the existing binary.
    def wheels(self):
        for target in self.archives:
            tag = self.wheel_tag(target)
            if tag is None:
                self.skip("wheel for %s" % target, "readelf is not here to tell which C library it needs")
                continue
            module = PACKAGE.replace("-", "_")
            info = "%s-%s.dist-info" % (module, self.version)
            with open(os.path.join(self.unpacked(target), NAME), "rb") as f:
                binary = f.read()
            metadata = ("Metadata-Version: 2.4\nName: %s\nVersion: %s\nSummary: %s\nLicense-Expression: MIT\n"
                        "License-File: LICENSE\nRequires-Python: >=3.8\nDescription-Content-Type: text/markdown\n\n%s"
                        % (PACKAGE, self.version, ABOUT, read("README.md")))
            if self.repository:
                metadata += "\n<!-- mcp-name: %s -->\n" % registry_name(self.repository)
            files = [
                ("%s-%s.data/scripts/%s" % (module, self.version, NAME), binary, 0o755),
                ("%s/METADATA" % info, metadata.encode(), 0o644),
                ("%s/WHEEL" % info, ("Wheel-Version: 1.0\nGenerator: maestro\nRoot-Is-Purelib: false\nTag: py3-none-%s\n"
                                     % tag).encode(), 0o644),
                ("%s/licenses/LICENSE" % info, read("LICENSE").encode(), 0o644),
            ]
            record = "".join("%s,sha256=%s,%d\n" % (name, base64.urlsafe_b64encode(hashlib.sha256(data).digest())
                                                    .rstrip(b"=").decode(), len(data)) for name, data, _ in files)
            files.append(("%s/RECORD" % info, (record + "%s/RECORD,,\n" % info).encode(), 0o644))
            path = os.path.join(self.out, "%s-%s-py3-none-%s.whl" % (module, self.version, tag))
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
                for name, data, mode in files:
                    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                    entry.external_attr, entry.compress_type = (0o100000 | mode) << 16, zipfile.ZIP_DEFLATED
                    wheel.writestr(entry, data)
            self.add(path)

    def wheel_tag(self, target):
        arch = target.split("-")[0]
        if target.endswith("darwin"):
            return "macosx_11_0_arm64" if arch == "aarch64" else "macosx_10_12_x86_64"
        if target.endswith("musl"):
            return "musllinux_1_1_" + arch
        if not shutil.which("readelf"):
            return None
        told = subprocess.run(["readelf", "--version-info", os.path.join(self.unpacked(target), NAME)], check=True,
                              text=True, stdout=subprocess.PIPE, env=dict(os.environ, LC_ALL="C")).stdout
        needed = {tuple(map(int, found.split("."))) for found in re.findall(r"Name: GLIBC_(\d+\.\d+)\b", told)}
        return "manylinux_%d_%d_%s" % (*max(needed), arch) if needed else None

    def debian(self):
        for target in self.archives:
            arch = {"x86_64": "amd64", "aarch64": "arm64"}[target.split("-")[0]]
            if not target.endswith("linux-gnu"):
                continue
            if not shutil.which("cargo-deb"):
                self.skip("Debian package for %s" % arch, "cargo-deb is not installed: cargo install cargo-deb")
                continue
            stage = os.path.join(ROOT, "target", "deb")
            shutil.rmtree(stage, ignore_errors=True)
            os.makedirs(stage)
            for name in [NAME, NAME + ".1", NAME + ".bash", NAME + ".zsh", NAME + ".fish"]:
                shutil.copy(os.path.join(self.unpacked(target), name), stage)
            path = os.path.join(self.out, "%s_%s_%s.deb" % (NAME, self.version, arch))
            subprocess.run(["cargo-deb", "--no-build", "--no-strip", "--target", target, "--output", path], cwd=ROOT,
                           check=True, stdout=subprocess.DEVNULL)
            self.add(path)

    def document(self, path, text):
        write(os.path.join(self.out, path), text)
        self.add(path)

    def formula(self):
        blocks = {}
        for target, archive in self.archives.items():
            if where := TARGETS[target][1]:
                url = "%s/releases/download/v%s/%s" % (self.repository, self.version, os.path.basename(archive))
                blocks.setdefault(where[0], {})[where[1]] = (url, sha256(archive).hexdigest())
        # If there is no static binary, the one for glibc serves Linux.
        gnu = self.archives.get("x86_64-unknown-linux-gnu")
        if gnu and "intel" not in blocks.get("linux", {}):
            url = "%s/releases/download/v%s/%s" % (self.repository, self.version, os.path.basename(gnu))
            blocks.setdefault("linux", {})["intel"] = (url, sha256(gnu).hexdigest())
        lines = []
        for system, arches in blocks.items():
            lines.append("  on_%s do" % system)
            for arch, (url, digest) in arches.items():
                lines += ["    on_%s do" % arch, '      url "%s"' % url, '      sha256 "%s"' % digest, "    end"]
            lines.append("  end")
        self.document("maestro-mcp.rb", filled(("homebrew", "maestro-mcp.rb.in"), self.repository,
                                               PLATFORMS="\n".join(lines) + "\n"))

    def sbom(self):
        """CycloneDX 1.6: the components of the binary, from Cargo.lock and cargo's metadata."""
        found = json.loads(subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--locked"], cwd=ROOT, check=True,
            stdout=subprocess.PIPE).stdout)
        entry = r'name = "([^"]+)"\nversion = "([^"]+)"\nsource = [^\n]+\nchecksum = "([^"]+)"'
        lock = {(name, number): digest for name, number, digest in re.findall(entry, read("Cargo.lock"))}
        kinds = {node["id"]: node for node in found["resolve"]["nodes"]}
        root, used, open_ = found["resolve"]["root"], set(), [found["resolve"]["root"]]
        while open_:                # what only tests use is not in the binary
            at = open_.pop()
            if at in used:
                continue
            used.add(at)
            open_ += [dep["pkg"] for dep in kinds[at]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
        packages = {package["id"]: package for package in found["packages"]}

        def reference(key):
            return "pkg:cargo/%s@%s" % (packages[key]["name"], packages[key]["version"])

        components = []
        for key in sorted(used - {root}, key=reference):
            package = packages[key]
            component = {"type": "library", "bom-ref": reference(key), "name": package["name"],
                         "version": package["version"], "purl": reference(key)}
            if package.get("license"):
                component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
            if digest := lock.get((package["name"], package["version"])):
                component["hashes"] = [{"alg": "SHA-256", "content": digest}]
            components.append(component)
        document = {
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "application", "bom-ref": reference(root), "name": NAME,
                                       "version": self.version, "licenses": [{"license": {"id": "MIT"}}]}},
            "components": components,
            "dependencies": [{"ref": reference(key), "dependsOn": sorted(
                reference(dep["pkg"]) for dep in kinds[key]["deps"] if dep["pkg"] in used)}
                for key in sorted(used, key=reference)],
        }
        path = os.path.join(self.out, "%s-%s.cdx.json" % (NAME, self.version))
        write(path, json.dumps(document, indent=1) + "\n")
        self.add(path)

    def checksums(self):
        names = sorted(name for name in os.listdir(self.out) if name != "SHA256SUMS" and not name.startswith("."))
        lines = ["%s  %s\n" % (sha256(os.path.join(self.out, name)).hexdigest(), name) for name in names
                 if os.path.isfile(os.path.join(self.out, name))]
        write(os.path.join(self.out, "SHA256SUMS"), "".join(lines))
        self.add("SHA256SUMS")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--entry", action="store_true", help="only print the registry's entry")
    options.add_argument("--repository", type=on_github, help="where the releases will be, such as https://github.com/OWNER/REPO")
    options.add_argument("--out", default=os.path.join(ROOT, "dist"))
    options.add_argument("--all", action="store_true", help="fail where something is left out")
    options = options.parse_args()
    if options.entry:
        if not options.repository:
            sys.exit("release: say where releases are: --repository https://github.com/OWNER/REPO")
        print(registry_entry(options.repository), end="")
        return 0
    release = Release(options.out, options.repository)
    try:
        release.npm()
        release.wheels()
        release.debian()
        if options.repository:
            release.formula()
            release.document("server.json", registry_entry(options.repository))
        else:
            release.skip("Homebrew formula and registry entry", "say where releases are: --repository URL")
        release.sbom()
        release.checksums()
    finally:
        shutil.rmtree(release.work, ignore_errors=True)
    for target in TARGETS:
        if target not in release.archives:
            release.skip("everything for %s" % target, "packaging/dist.sh built no archive")
    print("made in %s:\n  %s" % (options.out, "\n  ".join(release.made)))
    if release.left_out:
        print("\n".join("SKIPPED %s" % what for what in release.left_out))
    return 1 if options.all and release.left_out else 0


if __name__ == "__main__":
    sys.exit(main())
