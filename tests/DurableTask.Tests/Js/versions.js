"use strict";
// Versions of orchestrations and what workers of other versions do with them.
const assert = require("node:assert/strict");
const sdk = require("@microsoft/durabletask-js");
const { main, done, output, newWorker, sleep } = require("./harness");

const { VersionMatchStrategy, VersionFailureStrategy } = sdk;

function register(worker) {
  worker.addNamedOrchestrator("version", async function* (context) {
    const child = yield context.callSubOrchestrator("child", undefined, { version: context.version });
    return { version: context.version, child, above: context.compareVersionTo("1.5.0") > 0 };
  });
  worker.addNamedOrchestrator("child", async function* (context) {
    return context.version;
  });
}

async function withWorker(versioning, body) {
  const worker = newWorker({ versioning });
  register(worker);
  await worker.start();
  try {
    await body();
  } finally {
    await worker.stop();
  }
}

main(
  () => {},
  async (client, idle) => {
    await idle.stop();
    const start = async (version) => client.scheduleNewOrchestration("version", undefined, { version });

    await withWorker(undefined, async () => {
      const state = await done(client, await start("1.0.0"));
      assert.deepEqual(output(state), { version: "1.0.0", child: "1.0.0", above: false });
    });

    const strict = { version: "2.0.0", matchStrategy: VersionMatchStrategy.Strict };
    await withWorker({ ...strict, failureStrategy: VersionFailureStrategy.Fail }, async () => {
      assert.equal(output(await done(client, await start("2.0.0"))).child, "2.0.0");
      const failed = await done(client, await start("1.0.0"));
      assert.equal(failed.runtimeStatus, 3);
      assert.match(failed.failureDetails.errorType, /VersionMismatch/);
    });

    // Handed back by a worker of another version, and run by the one that comes later.
    let waiting;
    await withWorker({ ...strict, failureStrategy: VersionFailureStrategy.Reject }, async () => {
      waiting = await start("1.0.0");
      await sleep(300);
      assert.equal((await client.getOrchestrationState(waiting)).runtimeStatus, 6);
    });
    const older = { version: "1.5.0", matchStrategy: VersionMatchStrategy.CurrentOrOlder };
    await withWorker({ ...older, failureStrategy: VersionFailureStrategy.Fail }, async () => {
      assert.equal(output(await done(client, waiting)).version, "1.0.0");
      assert.equal((await done(client, await start("1.6.0"))).runtimeStatus, 3);
    });
  },
);
