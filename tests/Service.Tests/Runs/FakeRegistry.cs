using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Workflows.Service.Tests.Runs;

/// <summary>A registry with one image, which wants a token that it gives to everybody.</summary>
internal sealed class FakeRegistry : IAsyncDisposable
{
    private readonly WebApplication _application;

    private FakeRegistry(WebApplication application) => _application = application;

    public string Host => new Uri(_application.Urls.First()).Authority;

    public string Tag { get; set; } = "1";

    public static async Task<FakeRegistry> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var application = builder.Build();
        var registry = new FakeRegistry(application);
        application.Run(registry.AnswerAsync);
        await application.StartAsync(TestContext.Current.CancellationToken);
        return registry;
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/token")
        {
            return context.Response.WriteAsJsonAsync(new { token = $"for {context.Request.Query["scope"]}" });
        }

        if (context.Request.Headers.Authorization != "Bearer for repository:team/worker:pull")
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate =
                $"Bearer realm=\"http://{Host}/token\",service=\"registry\",scope=\"x\"";
            return Task.CompletedTask;
        }

        context.Response.StatusCode = context.Request.Path == $"/v2/team/worker/manifests/{Tag}" ? 200 : 404;
        return Task.CompletedTask;
    }
}
