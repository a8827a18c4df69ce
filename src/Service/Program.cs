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
    return 0;
}
catch (ServiceStartException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}
