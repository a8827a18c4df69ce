"use strict";
// What every script here needs: the package's own worker and client against the address in the first argument. A script
// ends with exit code 0 when its checks held; what a failed check says goes to standard error.
const sdk = require("@microsoft/durabletask-js");

/** Completion, or a rejected promise after a while: the package's waits have no deadline that fails. */
exports.done = async function (client, id, seconds = 20) {
  const state = await client.waitForOrchestrationCompletion(id, true, seconds);
  if (state === undefined) {
    throw new Error(`no state for ${id}`);
  }

  return state;
};

exports.run = async function (client, name, input, options) {
  const id = await client.scheduleNewOrchestration(name, input, options);
  return exports.done(client, id);
};

exports.output = (state) => (state.serializedOutput === undefined ? undefined : JSON.parse(state.serializedOutput));

exports.sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Polls, for states that no call waits for. */
exports.until = async function (check, what) {
  for (let tries = 0; tries < 400; tries++) {
    const value = await check();
    if (value) {
      return value;
    }

    await exports.sleep(25);
  }

  throw new Error(`waited in vain: ${what}`);
};

/** A further worker, with options of its own. */
exports.newWorker = (options = {}) =>
  new sdk.TaskHubGrpcWorker({ hostAddress: process.argv[2], logger: new sdk.NoOpLogger(), ...options });

/** Registers, starts the worker, runs the body and ends the process. */
exports.main = async function (register, body) {
  const options = { hostAddress: process.argv[2], logger: new sdk.NoOpLogger() };
  const worker = new sdk.TaskHubGrpcWorker(options);
  const client = new sdk.TaskHubGrpcClient(options);
  let code = 0;
  try {
    register(worker);
    await worker.start();
    await body(client, worker);
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    code = 1;
  }

  await Promise.race([worker.stop().catch(() => {}), exports.sleep(1000)]);
  process.exit(code);
};
