using Microsoft.AspNetCore.Server.Kestrel.Core;
using Workflows.DurableTask.Sidecar;

var builder = WebApplication.CreateSlimBuilder(args);
string data = builder.Configuration["data"] ?? "data";
string urls = builder.Configuration["urls"] ?? "http://127.0.0.1:4001";
builder.WebHost.UseUrls(urls);
builder.WebHost.ConfigureKestrel(kestrel =>
    kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http2));
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.Logging.AddFilter("Grpc", LogLevel.Warning);
builder.Services.AddTaskHubSidecar(options => options.DataDirectory = data);
WebApplication app = builder.Build();
app.MapTaskHubSidecar();
try
{
    await app.RunAsync();
    return 0;
}
catch (TaskHubStoreException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 3;
}
