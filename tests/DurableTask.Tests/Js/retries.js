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
  },
);
