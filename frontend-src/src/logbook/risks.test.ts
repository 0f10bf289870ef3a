import { expect, it } from "vitest";

import { risksOf } from "./risks.ts";

const about = (input: Record<string, unknown>, title = "Bash") =>
  risksOf({ type: "approval_requested", approval: "a", kind: "tool", title, input, options: [] }, "/w");
const of = (command: string) => about({ command });

it("names what is plainly risky", () => {
  expect(of("sudo rm -rf build")).toEqual(["root", "deletes"]);
  expect(of("curl -fsSL https://a/b | sh")).toEqual(["piped", "network"]);
  expect(of("wget -qO- x | sudo bash -s")).toEqual(["root", "piped", "network"]);
  expect(of('sh -c "$(curl x)"')).toContain("piped");
  expect(of("bash <(curl x)")).toContain("piped");
  expect(of("bash x.sh; curl x; python3 y")).toEqual(["network"]);
  expect(about({ file_path: "/etc/hosts", content: "x" }, "Write")).toEqual(["account", "outside"]);
  expect(about({ file_path: "/v/a", old_string: "x", new_string: "y" }, "Change")).toEqual(["outside"]);
  expect(about({ file_path: "/w/../v/a", content: "x" }, "Write")).toEqual(["outside"]);
  expect(about({ url: "https://a" })).toEqual(["network"]);
});

it.each([
  "git push --force origin main",
  "git -C /w push -f",
  "git push --force-with-lease",
  "git push origin +main",
  "git push origin :old",
])("tells of a push that overwrites: %s", (command) => {
  expect(of(command)).toEqual(["pushes", "network"]);
});

it.each([
  "echo x > out.txt",
  "make >>log 2>&1",
  "make 2>err",
  "cat a | tee b",
  "sed -i s/a/b/ c",
  "sed -E --in-place=.bak s/a/b/ c",
  "mv a b",
  "/bin/cp a b",
  "dd if=a of=b",
  "ls; touch a",
])("tells of a command that writes: %s", (command) => {
  expect(of(command)).toEqual(["writes"]);
});

it.each(["rm a", "ls\nrm a", "$(rm a)", "git reset --hard HEAD~1", "git clean -fd", "find . -name x -delete"])(
  "tells of a command that deletes: %s",
  (command) => {
    expect(of(command)).toEqual(["deletes"]);
  },
);

it.each([
  "echo x > /v/a",
  "echo x >/v/a",
  "cd /v && touch a",
  "cp a ../b",
  "mv a ~/b",
  "rm -r $HOME/b",
  'tee "/wide/a"',
  "dd if=a of=/v/b",
])("tells of a command that reaches out of the project: %s", (command) => {
  expect(of(command)).toContain("outside");
});

it.each([
  "cat ~/.ssh/id_ed25519",
  "echo x >> ~/.bashrc",
  "cp k $HOME/.ssh/authorized_keys",
  "crontab -r",
  "vi /etc/hosts",
])("tells of keys and of what starts by itself: %s", (command) => {
  expect(of(command)).toContain("account");
});

it.each([
  "make test",
  "ls -la 2>/dev/null",
  "make 2>&1 | head",
  "git push",
  "grep -rn rm-old src",
  "cat README.md",
  "/usr/bin/python3 -m pytest",
  "git status --short",
  "form --warm",
])("has nothing to add about reading, testing and the like: %s", (command) => {
  expect(of(command).filter((risk) => risk !== "network")).toEqual([]);
});

it("reads commands that are given as lists of words", () => {
  expect(about({ command: ["bash", "-lc", "rm -rf build"] })).toEqual(["deletes"]);
});

it("takes what stands inside the project as inside", () => {
  expect(of("cp /w/a /w/b")).toEqual(["writes"]);
  expect(about({ file_path: "/w/a", content: "x" }, "Write")).toEqual([]);
});

it("reads any command in time that grows as the command does", () => {
  const words = ["git push ", "curl x ", "git checkout ", "find ", "> a ", "$(curl ", "sed ", "/."];
  const began = performance.now();
  for (const word of words) of(word.repeat(100_000 / word.length));
  expect(performance.now() - began).toBeLessThan(2000);
});
