using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Workflows.DurableTask.Sidecar;
using Workflows.GoogleCloud.TpuEmulator;

// The emulator alone: gcloud and other clients can drive it.
//   dotnet run -c Release --project src/GoogleCloud/TpuEmulator --
//     --grpc-port 8085 --rest-port 8086 --storage-port 8087 --scenario FILE
if (await HealthProbe.AnswerAsync(args, "http://127.0.0.1:8086/emulator/projects", HttpVersion.Version11) is { } health)
{
    return health;
}

var builder = WebApplication.CreateBuilder(args);
var grpc = builder.Configuration.GetValue("grpc-port", 8085);
var rest = builder.Configuration.GetValue("rest-port", 8086);
var storage = builder.Configuration.GetValue("storage-port", 8087);
var scenario = builder.Configuration["scenario"];
var anyHost = builder.Configuration.GetValue("any-host", false);
builder.WebHost.ConfigureKestrel(kestrel =>
{
    Listen(grpc, HttpProtocols.Http2);
    Listen(rest, HttpProtocols.Http1);
    Listen(storage, HttpProtocols.Http1);

    void Listen(int port, HttpProtocols protocols)
    {
        if (anyHost)
        {
            kestrel.ListenAnyIP(port, endpoint => endpoint.Protocols = protocols);
        }
        else
        {
            kestrel.ListenLocalhost(port, endpoint => endpoint.Protocols = protocols);
        }
    }
});
try
{
    var text = scenario is null ? "{}" : await File.ReadAllTextAsync(scenario);
    Scenario.Parse(text);
    builder.Services.AddTpuEmulator(options =>
    {
        options.StateDirectory = builder.Configuration["state"] ?? ".tpu-emulator";
        options.RestHost = $"127.0.0.1:{rest}";
        options.StorageHost = $"127.0.0.1:{storage}";
        options.DefaultScenario = text;
        options.WorkerCommand = builder.Configuration["worker"]?.Split(' ') ?? [];
    });
}
catch (Exception exception) when (exception is ScenarioException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}

var application = builder.Build();
application.MapStorageEmulator(storage);
application.MapTpuEmulator();
application.MapEmulatorControl();
await application.RunAsync();
return 0;
