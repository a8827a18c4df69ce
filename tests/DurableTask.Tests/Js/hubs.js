"use strict";
// Task hubs by the header that clients of the Durable Task Scheduler send.
const assert = require("node:assert/strict");
const grpc = require("@grpc/grpc-js");
const sdk = require("@microsoft/durabletask-js");
const { main, done, output, newWorker } = require("./harness");

function inHub(hub) {
  return {
    metadataGenerator: async () => {
      const metadata = new grpc.Metadata();
      metadata.set("taskhub", hub);
      return metadata;
    },
  };
}

main(
  () => {},
  async (plain) => {
    const workers = [];
    const clients = {};
    for (const hub of ["red", "blue"]) {
      const worker = newWorker(inHub(hub));
      worker.addNamedOrchestrator("where", async function* () {
        return hub;
      });
      await worker.start();
      workers.push(worker);
      clients[hub] = new sdk.TaskHubGrpcClient({
        hostAddress: process.argv[2], logger: new sdk.NoOpLogger(), ...inHub(hub),
      });
      await clients[hub].scheduleNewOrchestration("where", undefined, "same-id");
    }

    for (const [hub, client] of Object.entries(clients)) {
      assert.equal(output(await done(client, "same-id")), hub);
      const ids = [];
      for await (const state of client.getAllInstances({})) {
        ids.push(state.instanceId);
      }

      assert.deepEqual(ids, ["same-id"]);
    }

    assert.equal(await plain.getOrchestrationState("same-id"), undefined);
    await Promise.all(workers.map((worker) => worker.stop()));
  },
);
