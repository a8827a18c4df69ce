using System.Net;
using Workflows.DurableTask.Sidecar;
using Workflows.Service.Hosting;
using Workflows.TpuWorker.Compile;

if (args is [CompileChild.Name])
{
    // The process that loads a plan's compiler, started by the service.
    await CompileChild.RunAsync();
    return 0;
}

if (await HealthProbe.AnswerAsync(args, "http://127.0.0.1:8080/healthz", HttpVersion.Version11) is { } health)
{
    return health;
}

if (args.Any(each => each is "--help" or "-h" or "-?" or "/?"))
{
    await Console.Out.WriteLineAsync("""
        Workflows service: takes requests for fine-tuning runs over HTTP and Pub/Sub, and runs them durably.

        Usage: Workflows.Service [--urls http://HOST:PORT] [--Workflows:SETTING VALUE]...
               Workflows.Service --health [http://127.0.0.1:8080/healthz]

          --urls                      address of the HTTP API (default http://127.0.0.1:8080); gRPC and the emulator's
                                      REST have the two ports above it
          --Workflows:StateDirectory  folder of everything that must survive (default .workflows)
          --health                    asks a service that runs: exit code 0 if it is healthy, 1 if not

        Every setting can also be an environment variable, as in Workflows__StateDirectory: docs/operations.md.
        """);
    return 0;
}

if (args is [var word, ..] && !word.StartsWith('-') && !word.Contains('='))
{
    await Console.Error.WriteLineAsync($"'{word}' is no option of the service; --help lists them.");
    return 2;
}

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

    // A supervisor restarts the service only after an exit code that reports a failure.
    await Console.Error.WriteLineAsync($"The engine cannot go on: {fault.Message} Its runs continue after a restart.");
    return 3;
}
catch (ServiceStartException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}
