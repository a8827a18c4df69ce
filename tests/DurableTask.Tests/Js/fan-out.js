"use strict";
const assert = require("node:assert/strict");
const { whenAll } = require("@microsoft/durabletask-js");
const { main, run, output } = require("./harness");

main(
  (worker) => {
    worker.addNamedActivity("square", (_, value) => {
      if (value % 4 === 3) {
        throw new RangeError(`no square of ${value}`);
      }

      return value * value;
    });
    // The package resumes an orchestrator with undefined when a task has failed before it is yielded, so each failure is
    // caught where its task is waited for at once.
    worker.addNamedOrchestrator("guarded", async function* (context, item) {
      try {
        return yield context.callActivity("square", item);
      } catch (error) {
        return error.message.includes(`no square of ${item}`);
      }
    });
    worker.addNamedOrchestrator("fan-out", async function* (context, count) {
      return yield whenAll(Array.from({ length: count }, (_, item) => context.callSubOrchestrator("guarded", item)));
    });
    worker.addNamedOrchestrator("fan-out-all", async function* (context, items) {
      return yield whenAll(items.map((item) => context.callActivity("square", item)));
    });
  },
  async (client) => {
    const mixed = await run(client, "fan-out", 40);
    assert.deepEqual(
      output(mixed),
      Array.from({ length: 40 }, (_, item) => (item % 4 === 3 ? true : item * item)),
    );
    const good = await run(client, "fan-out-all", [1, 2, 4, 5]);
    assert.deepEqual(output(good), [1, 4, 16, 25]);
    const failed = await run(client, "fan-out-all", [1, 3, 4]);
    assert.equal(failed.runtimeStatus, 3);
    assert.match(failed.failureDetails.message, /no square of 3/);
  },
);
