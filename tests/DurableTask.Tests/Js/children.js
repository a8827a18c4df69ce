"use strict";
const assert = require("node:assert/strict");
const { whenAll } = require("@microsoft/durabletask-js");
const { main, run, output } = require("./harness");

main(
  (worker) => {
    worker.addNamedActivity("double", (_, value) => value * 2);
    worker.addNamedOrchestrator("child", async function* (context, value) {
      if (value < 0) {
        throw new Error("a child failed");
      }

      return { value: yield context.callActivity("double", value), parent: context.parent?.instanceId };
    });
    worker.addNamedOrchestrator("parent", async function* (context, values) {
      return yield whenAll(values.map((value) => context.callSubOrchestrator("child", value)));
    });
    worker.addNamedOrchestrator("named", async function* (context) {
      const first = yield context.callSubOrchestrator("child", 1, { instanceId: "chosen" });
      const again = yield context.callSubOrchestrator("child", 2, { instanceId: "chosen" });
      return [first.value, again.value];
    });
  },
  async (client) => {
    const state = await run(client, "parent", [1, 2, 3]);
    assert.deepEqual(
      output(state),
      [2, 4, 6].map((value) => ({ value, parent: state.instanceId })),
    );
    const failed = await run(client, "parent", [1, -1]);
    assert.equal(failed.runtimeStatus, 3);
    assert.match(failed.failureDetails.message, /a child failed/);
    assert.deepEqual(output(await run(client, "named")), [2, 4]);
    assert.equal(output(await client.getOrchestrationState("chosen", true)).value, 4);
    const ids = (await client.getOrchestrationHistory(state.instanceId))
      .filter((event) => event.type === "SubOrchestrationInstanceCreated")
      .map((event) => event.instanceId);
    assert.equal(new Set(ids).size, 3);
  },
);
