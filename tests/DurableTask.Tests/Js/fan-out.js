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
    worker.addNamedOrchestrator("fan-out", async function* (context, count) {
      const tasks = [];
      for (let item = 0; item < count; item++) {
        tasks.push(context.callActivity("square", item));
      }

      const results = [];
      for (const task of tasks) {
        try {
          // This SDK does not throw for a task that had failed already when it is yielded: ask the task as well.
          const value = yield task;
          results.push(task.isFailed ? true : value);
        } catch (error) {
          results.push(error.message.includes("no square of"));
        }
      }

      return results;
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
