"use strict";
const assert = require("node:assert/strict");
const { RetryPolicy } = require("@microsoft/durabletask-js");
const { main, run, output } = require("./harness");

const attempts = {};

main(
  (worker) => {
    worker.addNamedActivity("flaky", (_, { key, good }) => {
      attempts[key] = (attempts[key] ?? 0) + 1;
      if (attempts[key] < good) {
        throw new Error(`attempt ${attempts[key]}`);
      }

      return attempts[key];
    });
    worker.addNamedOrchestrator("handled", async function* (context, input) {
      const seen = [];
      const retry = (retryContext) => {
        seen.push(retryContext.lastAttemptNumber);
        return retryContext.lastAttemptNumber < 3 && !retryContext.lastFailure.message.includes("hopeless");
      };
      try {
        return [yield context.callActivity("flaky", input, { retry }), ...seen];
      } catch (error) {
        return ["gave up", ...seen];
      }
    });
    worker.addNamedOrchestrator("flaky-child", async function* (_, { key, good }) {
      attempts[key] = (attempts[key] ?? 0) + 1;
      if (attempts[key] < good) {
        throw new Error(`attempt ${attempts[key]}`);
      }

      return attempts[key];
    });
    worker.addNamedOrchestrator("child-retry", async function* (context, input) {
      const retry = new RetryPolicy({ maxNumberOfAttempts: 3, firstRetryIntervalInMilliseconds: 20 });
      return yield context.callSubOrchestrator("flaky-child", input, { retry });
    });
    worker.addNamedOrchestrator("retry", async function* (context, input) {
      const retry = new RetryPolicy({
        maxNumberOfAttempts: 4,
        firstRetryIntervalInMilliseconds: 50,
        backoffCoefficient: 2,
      });
      return yield context.callActivity("flaky", input, { retry });
    });
  },
  async (client) => {
    const good = await run(client, "retry", { key: "good", good: 3 });
    assert.equal(output(good), 3);
    const bad = await run(client, "retry", { key: "bad", good: 100 });
    assert.equal(bad.runtimeStatus, 3);
    assert.equal(attempts.bad, 4);
    assert.match(bad.failureDetails.message, /attempt 4/);
    assert.deepEqual(output(await run(client, "handled", { key: "handled", good: 3 })), [3, 1, 2]);
    assert.deepEqual(output(await run(client, "handled", { key: "stubborn", good: 9 })), ["gave up", 1, 2, 3]);
    assert.equal(output(await run(client, "child-retry", { key: "child", good: 2 })), 2);
  },
);
