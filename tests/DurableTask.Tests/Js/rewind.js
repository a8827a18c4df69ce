"use strict";
const assert = require("node:assert/strict");
const { whenAll } = require("@microsoft/durabletask-js");
const { main, run, done, output } = require("./harness");

const runs = {};
let isBroken = true;

main(
  (worker) => {
    worker.addNamedActivity("step", (_, name) => {
      runs[name] = (runs[name] ?? 0) + 1;
      if (isBroken && name.startsWith("bad")) {
        throw new Error(`${name} is broken`);
      }

      return name;
    });
    worker.addNamedOrchestrator("child", async function* (context, name) {
      yield context.callActivity("step", `good-${name}`);
      return yield context.callActivity("step", `bad-${name}`);
    });
    worker.addNamedOrchestrator("flat", async function* (context) {
      const first = yield context.callActivity("step", "good-flat");
      const second = yield context.callActivity("step", "bad-flat");
      return [first, second];
    });
    worker.addNamedOrchestrator("family", async function* (context) {
      const first = yield context.callActivity("step", "good-family");
      const second = yield context.callSubOrchestrator("child", "child");
      return [first, second];
    });
    worker.addNamedOrchestrator("good", async function* () {
      return 1;
    });
  },
  async (client) => {
    const flat = await run(client, "flat");
    const family = await run(client, "family");
    assert.equal(flat.runtimeStatus, 3);
    assert.equal(family.runtimeStatus, 3);
    isBroken = false;
    await client.rewindInstance(flat.instanceId, "repaired");
    const flatAgain = await done(client, flat.instanceId);
    assert.equal(flatAgain.runtimeStatus, 1);
    assert.deepEqual(output(flatAgain), ["good-flat", "bad-flat"]);
    await client.rewindInstance(family.instanceId, "repaired");
    const familyAgain = await done(client, family.instanceId);
    assert.deepEqual(output(familyAgain), ["good-family", "bad-child"]);
    for (const [name, count] of Object.entries(runs)) {
      assert.equal(count, name.startsWith("good") ? 1 : 2, name);
    }

    const good = await run(client, "good");
    await assert.rejects(() => client.rewindInstance(good.instanceId, "no"));
    await assert.rejects(() => client.rewindInstance("nobody", "no"));
  },
);
