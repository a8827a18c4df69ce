"use strict";
const assert = require("node:assert/strict");
const { PurgeInstanceCriteria } = require("@microsoft/durabletask-js");
const { main, done } = require("./harness");

async function ids(pages) {
  const found = [];
  const sizes = [];
  for await (const page of pages) {
    sizes.push(page.values.length);
    found.push(...page.values.map((state) => state.instanceId));
  }

  return { found, sizes };
}

main(
  (worker) => {
    worker.addNamedOrchestrator("good", async function* (_, input) {
      return input;
    });
    worker.addNamedOrchestrator("bad", async function* () {
      throw new Error("bad");
    });
  },
  async (client) => {
    const before = new Date(Date.now() - 60_000);
    for (let item = 0; item < 7; item++) {
      await client.scheduleNewOrchestration(item === 6 ? "bad" : "good", item, `q-${item}`);
      await done(client, `q-${item}`);
    }

    await client.scheduleNewOrchestration("good", 0, "other");
    await done(client, "other");
    const paged = await ids(client.getAllInstances({ instanceIdPrefix: "q-", pageSize: 3 }).asPages());
    assert.deepEqual(paged.found, Array.from({ length: 7 }, (_, item) => `q-${item}`));
    assert.deepEqual(paged.sizes, [3, 3, 1]);
    const failed = await ids(client.getAllInstances({ statuses: [3] }).asPages());
    assert.deepEqual(failed.found, ["q-6"]);
    const none = await ids(client.getAllInstances({ createdTo: before }).asPages());
    assert.deepEqual(none.found, []);
    for await (const state of client.getAllInstances({ instanceIdPrefix: "q-3", fetchInputsAndOutputs: true })) {
      assert.equal(state.serializedInput, "3");
      assert.equal(state.serializedOutput, "3");
    }

    const listed = [];
    let lastInstanceKey;
    do {
      const page = await client.listInstanceIds({ runtimeStatus: [1], pageSize: 3, lastInstanceKey });
      listed.push(...page.values);
      lastInstanceKey = page.continuationToken;
    } while (lastInstanceKey);
    assert.equal(listed.length, 7);
    const criteria = new PurgeInstanceCriteria();
    criteria.setCreatedTimeFrom(before);
    criteria.setRuntimeStatusList([1]);
    assert.equal((await client.purgeOrchestration(criteria)).deletedInstanceCount, 7);
    assert.deepEqual((await ids(client.getAllInstances({}).asPages())).found, ["q-6"]);
    assert.equal(await client.getOrchestrationState("q-1"), undefined);
  },
);
