using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Workflows.DurableTask.Sidecar;

const int BadOptions = 2;
const int BadFile = 3;

if (await HealthProbe.AnswerAsync(args, "http://127.0.0.1:4001/healthz", HttpVersion.Version20) is { } health)
{
    return health;
}

var builder = WebApplication.CreateSlimBuilder(args);
IConfigurationSection options = builder.Configuration.GetSection("TaskHub");
try
{
    options.Bind(new TaskHubSidecarOptions());
}
catch (InvalidOperationException error)
{
    await Console.Error.WriteLineAsync($"{error.Message} {error.InnerException?.Message}");
    return BadOptions;
}

string urls = builder.Configuration["urls"] ?? "http://127.0.0.1:4001";
if (builder.Configuration["status-urls"] is { Length: > 0 } statusUrls)
{
    IConfiguration endpoints = Endpoints(urls, statusUrls);
    builder.WebHost.ConfigureKestrel(kestrel => kestrel.Configure(endpoints));
}
else
{
    builder.WebHost.UseUrls(urls);
    builder.WebHost.ConfigureKestrel(kestrel =>
        kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http2));
}

// A name that nobody reads would be in every answer, and workers decode every answer.
builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
if (Environment.GetEnvironmentVariable("TASKHUB_FAULT") is { Length: > 0 } point)
{
    builder.Services.AddSingleton(FaultInjection.Kill(point));
}

builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.Logging.AddFilter("Grpc", LogLevel.Warning);
// Any level here, even the highest, makes the server start an activity and a log scope for every call.
builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
builder.Services.AddTaskHubSidecar(hub =>
{
    options.Bind(hub);
    hub.DataDirectory = builder.Configuration["data"] ?? hub.DataDirectory;
});
WebApplication app = builder.Build();
app.MapTaskHubSidecar();
app.MapTaskHubStatus();
try
{
    TaskHubHost host = app.Services.GetRequiredService<TaskHubHost>();
    await app.RunAsync();
    if (host.Fault is { } fault)
    {
        await Console.Error.WriteLineAsync(fault.Message);
        return BadFile;
    }

    return 0;
}
catch (OptionsValidationException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return BadOptions;
}
catch (TaskHubStoreException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return BadFile;
}

// The protocol needs HTTP/2, and browsers and curl HTTP/1.1; without TLS an address can serve only one of them.
static IConfiguration Endpoints(string urls, string statusUrls)
{
    var endpoints = new Dictionary<string, string?>();
    Add("Protocol", urls, "Http2");
    Add("Status", statusUrls, "Http1");
    return new ConfigurationBuilder().AddInMemoryCollection(endpoints).Build();

    void Add(string name, string addresses, string protocols)
    {
        string[] all = addresses.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        for (int index = 0; index < all.Length; index++)
        {
            endpoints[$"Endpoints:{name}{index}:Url"] = all[index];
            endpoints[$"Endpoints:{name}{index}:Protocols"] = protocols;
        }
    }
}
