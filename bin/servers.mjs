// Finds the NATS and Redis servers that the tests start, or installs them from the distribution's packages.
//
// Order: NATS_SERVER_BIN and REDIS_SERVER_BIN, the PATH (with the sbin folders, where Debian keeps nats-server), then
// apt-get as root or with sudo. Debian starts what it installs as a service; the tests take no notice of it, they
// start servers of their own on free ports.

import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

import { NotReady } from "./ready.mjs";

export const SERVERS = [
  { program: "nats-server", variable: "NATS_SERVER_BIN", package: "nats-server", elsewhere: "https://github.com/nats-io/nats-server/releases" },
  { program: "redis-server", variable: "REDIS_SERVER_BIN", package: "redis-server", elsewhere: "https://redis.io/docs/install" },
];

const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * The path of each server by its variable, installed where it was missing. Throws NotReady.
 * `folders`, `isRoot` and `interactive` stand for the machine, so that tests can be another one.
 */
export function needServers({ environment = process.env, folders = SYSTEM_FOLDERS, isRoot = process.getuid?.() === 0, interactive = process.stdin.isTTY === true } = {}) {
  const where = [...(environment["PATH"] ?? "").split(delimiter).filter(isAbsolute), ...folders];
  let missing = SERVERS.filter((server) => locate(server, environment, where) === null);
  if (missing.length > 0) {
    installPackages(missing, { environment, where, isRoot, interactive });
    missing = missing.filter((server) => locate(server, environment, where) === null);
    if (missing.length > 0) throw new NotReady(`${names(missing)} could not be installed; apt-get's message stands above.\n${advice(missing)}`);
  }
  return Object.fromEntries(SERVERS.map((server) => [server.variable, locate(server, environment, where)]));
}

/** A server's path, or null. A variable that names nothing is a mistake worth hearing of. */
function locate(server, environment, where) {
  const named = environment[server.variable];
  if (named === undefined || named === "") return search(server.program, where);
  const path = named.includes("/") ? (isProgram(named) ? named : null) : search(named, where);
  if (path === null) throw new NotReady(`${server.variable} names ${named}, which is no program that can be run.`);
  return path;
}

const search = (program, where) => where.map((folder) => join(folder, program)).find(isProgram) ?? null;

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function installPackages(missing, { environment, where, isRoot, interactive }) {
  const apt = search("apt-get", where);
  const sudo = isRoot ? null : search("sudo", where);
  if (apt === null || (!isRoot && sudo === null)) throw new NotReady(`${names(missing)} is needed by the tests and cannot be installed by us (${apt === null ? "there is no apt-get" : "we are neither root nor have sudo"}).\n${advice(missing)}`);
  // Without a terminal nobody could type a password.
  const prefix = sudo === null ? [] : [sudo, ...(interactive ? [] : ["-n"])];
  if (sudo !== null && !interactive && run([sudo, "-n", "true"], environment, "ignore") !== 0) {
    throw new NotReady(`${names(missing)} is needed by the tests, and sudo asks for a password that nobody can type here.\n${advice(missing)}`);
  }
  const get = (...args) => run([...prefix, "env", "DEBIAN_FRONTEND=noninteractive", apt, "-y", "-q", ...args], environment, 2);
  const packages = missing.map((server) => server.package);
  process.stderr.write(`eddy: installing ${packages.join(" and ")} for the tests …\n`);
  // Lists may be old or, in a fresh container, not there at all.
  if (get("install", "--no-install-recommends", ...packages) === 0) return;
  get("update");
  get("install", "--no-install-recommends", ...packages);
}

function run([program, ...args], environment, output) {
  return spawnSync(program, args, { stdio: ["inherit", output, output], env: environment }).status;
}

const names = (servers) => servers.map((server) => server.program).join(" and ");

function advice(servers) {
  return [
    `Install ${names(servers)}:`,
    `  Debian, Ubuntu:  apt-get install ${servers.map((server) => server.package).join(" ")}`,
    ...servers.map((server) => `  elsewhere:       ${server.elsewhere}, then set ${server.variable} to the program unless it is on the PATH`),
  ].join("\n");
}
