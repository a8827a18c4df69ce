using Workflows.DurableTask.Sidecar;
using Workflows.Service.Hosting;

try
{
    var (application, ports) = WorkflowsService.Build(args);
    await application.StartOrExplainAsync(
        ports, application.Configuration["Workflows:StateDirectory"] ?? ".workflows", CancellationToken.None);
    await Console.Out.WriteLineAsync(
        $"Runs: http://127.0.0.1:{ports.Http}/runs   gRPC for workers and engine: {ports.Grpc}   "
        + $"emulator's REST: {ports.EmulatorRest}");
    await application.WaitForShutdownAsync();
    if (application.Services.TaskHubFault() is not { } fault)
    {
        return 0;
    }

    // A supervisor starts the service again only after a code that says failure.
    await Console.Error.WriteLineAsync($"The engine cannot go on: {fault.Message} Its runs continue after a restart.");
    return 3;
}
catch (ServiceStartException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}
