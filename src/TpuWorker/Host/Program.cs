using System.Runtime.InteropServices;
using Workflows.Artifacts;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Host.Devices;

if (args is [DeviceChild.Name])
{
    await DeviceChild.RunAsync();
    return ExitCodes.Stopped;
}

// The program on the TPU VM: reads its identity from the metadata server, connects to the gateway, and runs jobs until
// it is stopped.
using var stop = new CancellationTokenSource();
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
{
    // A spot VM gets a notice of some seconds: enough to save a checkpoint and to report it.
    context.Cancel = true;
    stop.Cancel();
});

using var log = new WorkerLog(Console.Error);
try
{
    using var metadata = new MetadataServer(Environment.GetEnvironmentVariable("GCE_METADATA_HOST"));
    var identity = await metadata.ReadIdentityAsync(stop.Token);

    // As long as the worker itself waits for the service, which in a rehearsal also serves the bucket.
    using var artifacts = new ArtifactStores(patience: TimeSpan.FromMinutes(15));
    var folder = Environment.GetEnvironmentVariable("WORKFLOWS_WORK_FOLDER") is { Length: > 0 } given
        ? given
        : Path.Combine(Path.GetTempPath(), "workflows-worker");
    await using var device = await DeviceChoice.OpenAsync(
        folder, Environment.GetEnvironmentVariable, log, stop.Token);
    using var worker = new Worker(
        identity, metadata, device, new JobFiles(artifacts, folder), TimeProvider.System, log);
    return await worker.RunAsync(stop.Token);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return ExitCodes.Stopped;
}
catch (WorkerStartException exception)
{
    await log.WriteLineAsync(exception.Message);
    return ExitCodes.NotConfigured;
}
