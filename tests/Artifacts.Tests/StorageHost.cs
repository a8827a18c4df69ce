using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>The emulator's buckets on a loopback port, with one bucket that plays a scenario.</summary>
internal sealed class StorageHost : IAsyncDisposable
{
    public const string Project = "demo-proj", Bucket = "demo-bucket";
    private readonly WebApplication _application;
    private readonly TemporaryFolder? _ownState;

    private StorageHost(WebApplication application, int port, TemporaryFolder? ownState, string state)
    {
        (_application, _ownState, State) = (application, ownState, state);
        Address = new Uri($"http://127.0.0.1:{port}");
        Store = new StorageArtifactStore(Address, TimeProvider.System, TimeSpan.FromMilliseconds(1));
        Http = new HttpClient { BaseAddress = Address };
    }

    public Uri Address { get; }

    public string State { get; }

    public StorageArtifactStore Store { get; }

    public HttpClient Http { get; }

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<StorageHost> StartAsync(string scenario = "{}", string? state = null)
    {
        var ownState = state is null ? new TemporaryFolder("storage-") : null;
        state ??= ownState!.Path;
        var (builder, ports) = LoopbackApplication.CreateBuilder(LogLevel.Warning, HttpProtocols.Http1);
        builder.Services.AddTpuEmulator(options => options.StateDirectory = state);
        var application = builder.Build();
        application.MapStorageEmulator(ports[0]);
        await application.StartAsync(Cancellation);
        application.Services.GetRequiredService<ITpuEmulator>().Prepare(Project, scenario);
        var host = new StorageHost(application, ports[0], ownState, state);
        await host.Store.CreateBucketAsync(Bucket, Project, Cancellation);
        return host;
    }

    public static ArtifactUri Uri(string name) => ArtifactUri.Parse($"gs://{Bucket}/{name}");

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Store.Dispose();
        await _application.StopAsync(CancellationToken.None);
        await _application.DisposeAsync();
        _ownState?.Dispose();
    }
}
