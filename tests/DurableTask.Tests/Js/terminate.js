"use strict";
const assert = require("node:assert/strict");
const { whenAll, terminateOptions } = require("@microsoft/durabletask-js");
const { main, done, output, until } = require("./harness");

main(
  (worker) => {
    worker.addNamedOrchestrator("wait", async function* (context) {
      yield context.waitForExternalEvent("never");
    });
    worker.addNamedOrchestrator("family", async function* (context) {
      yield whenAll([0, 1].map((child) =>
        context.callSubOrchestrator("wait", undefined, { instanceId: `${context.instanceId}-${child}` })));
    });
  },
  async (client) => {
    for (const recursive of [false, true]) {
      const id = `family-${recursive}`;
      await client.scheduleNewOrchestration("family", undefined, id);
      for (const child of [0, 1]) {
        await until(
          async () => (await client.getOrchestrationState(`${id}-${child}`))?.runtimeStatus === 0, "child runs");
      }

      await client.terminateOrchestration(id, terminateOptions({ output: "enough", recursive }));
      const state = await done(client, id);
      assert.equal(state.runtimeStatus, 5);
      assert.equal(output(state), "enough");
      if (recursive) {
        assert.equal((await done(client, `${id}-0`)).runtimeStatus, 5);
        assert.equal((await done(client, `${id}-1`)).runtimeStatus, 5);
        assert.equal((await client.purgeOrchestration(id, { recursive: true })).deletedInstanceCount, 3);
        assert.equal(await client.getOrchestrationState(`${id}-1`), undefined);
      } else {
        assert.equal((await client.getOrchestrationState(`${id}-0`)).runtimeStatus, 0);
        assert.equal((await client.purgeOrchestration(id)).deletedInstanceCount, 1);
        assert.notEqual(await client.getOrchestrationState(`${id}-0`), undefined);
      }
    }
  },
);
