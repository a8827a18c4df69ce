using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Workflows.DurableTask.Sidecar;

const int BadOptions = 2;
const int BadFile = 3;

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

builder.WebHost.UseUrls(builder.Configuration["urls"] ?? "http://127.0.0.1:4001");
builder.WebHost.ConfigureKestrel(kestrel =>
    kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http2));
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.Logging.AddFilter("Grpc", LogLevel.Warning);
builder.Services.AddTaskHubSidecar(hub =>
{
    options.Bind(hub);
    hub.DataDirectory = builder.Configuration["data"] ?? hub.DataDirectory;
});
WebApplication app = builder.Build();
app.MapTaskHubSidecar();
try
{
    await app.RunAsync();
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
