/**
 * The function library `eddy`, assembled from one file a command, and its loading.
 *
 * Functions are part of the data set: they survive restarts and reach replicas. They are loaded where they are missing
 * or older than this version; a newer library is left alone, so functions only ever grow compatibly: a new version
 * must serve the callers of the one before it, or the functions get new names. Any change to the text raises VERSION
 * (a test compares them).
 */
import { beatLua } from "./beat.js";
import { claimLua } from "./claim.js";
import { clearLua } from "./clear.js";
import { commitLua } from "./commit.js";
import { outboxLua } from "./outbox.js";
import { shareLua } from "./share.js";
import { sharedLua } from "./shared.js";
import { wakesLua } from "./wakes.js";

export const VERSION = 6;

const versionLua = `
redis.register_function{
  function_name = 'eddy_version',
  flags = { 'no-writes' },
  callback = function() return ${VERSION} end
}
`;

export const LIBRARY = ["#!lua name=eddy", versionLua, sharedLua, claimLua, commitLua, clearLua, wakesLua, outboxLua, beatLua, shareLua].join("\n");
