using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>
/// The emulator on two loopback ports, and clients of it. A test's own clock moves only when told to.
/// </summary>
internal sealed class EmulatorHost : IAsyncDisposable
{
    public const string Project = "demo-proj";
    private readonly WebApplication _application;
    private readonly TemporaryFolder? _ownState;

    private EmulatorHost(
        WebApplication application, FakeTimeProvider? clock, string state, TemporaryFolder? ownState, int rest,
        int grpc)
    {
        (_application, Clock, State, _ownState) = (application, clock, state, ownState);
        RestPort = rest;
        GrpcAddress = new Uri($"http://127.0.0.1:{grpc}");
        Connection = TpuConnection.ToEmulator(GrpcAddress);
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{rest}") };
    }

    public FakeTimeProvider? Clock { get; }

    public string State { get; }

    public int RestPort { get; }

    public Uri GrpcAddress { get; }

    public TpuConnection Connection { get; }

    public Tpu.TpuClient Tpu => Connection.Tpu;

    public HttpClient Http { get; }

    public ITpuEmulator Emulator => _application.Services.GetRequiredService<ITpuEmulator>();

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<EmulatorHost> StartAsync(
        string scenario = "{}", string? workerScript = null, string? state = null, bool isRealTime = false,
        ILoggerProvider? log = null, IReadOnlyList<string>? worker = null, uint? workerUser = null)
    {
        var ownState = state is null ? new TemporaryFolder("tpu-emulator-") : null;
        state ??= ownState!.Path;
        var clock = isRealTime ? null : new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        var (builder, ports) = LoopbackApplication.CreateBuilder(
            LogLevel.Warning, HttpProtocols.Http1, HttpProtocols.Http2);
        var (rest, grpc) = (ports[0], ports[1]);
        if (log is not null)
        {
            builder.Logging.AddProvider(log);
        }

        if (clock is not null)
        {
            builder.Services.AddSingleton<TimeProvider>(clock);
        }

        builder.Services.AddTpuEmulator(options =>
        {
            options.StateDirectory = state;
            options.RestHost = $"127.0.0.1:{rest}";
            options.DefaultScenario = scenario;
            options.WorkerCommand = worker ?? (workerScript is null ? [] : ["/bin/sh", "-c", workerScript]);
            options.WorkerUser = workerUser;
        });
        var application = builder.Build();
        application.MapTpuEmulator();
        await application.StartAsync(Cancellation);
        return new EmulatorHost(application, clock, state, ownState, rest, grpc);
    }

    public static string Parent(string zone) => $"projects/{Project}/locations/{zone}";

    public static string NodeName(string zone, string id) => $"{Parent(zone)}/nodes/{id}";

    public static Node SpotNode(string type = "v5litepod-4", bool isSpot = true) => new()
    {
        AcceleratorType = type,
        RuntimeVersion = "v2-alpha-tpuv5-lite",
        SchedulingConfig = new() { Spot = isSpot },
    };

    public async Task<Operation> CreateAsync(string zone, string id, Node? node = null) => await Tpu.CreateNodeAsync(
        new CreateNodeRequest { Parent = Parent(zone), NodeId = id, Node = node ?? SpotNode() },
        cancellationToken: Cancellation);

    public async Task<Node> GetAsync(string zone, string id) => await Tpu.GetNodeAsync(
        new GetNodeRequest { Name = NodeName(zone, id) }, cancellationToken: Cancellation);

    public async Task<Operation> DeleteAsync(string zone, string id) => await Tpu.DeleteNodeAsync(
        new DeleteNodeRequest { Name = NodeName(zone, id) }, cancellationToken: Cancellation);

    public async Task<Operation> OperationAsync(string name) => await Connection.Operations.GetOperationAsync(
        new GetOperationRequest { Name = name }, cancellationToken: Cancellation);

    public void Pass(double seconds) => Clock!.Advance(TimeSpan.FromSeconds(seconds));

    /// <summary>A node that is READY.</summary>
    public async Task<Node> ReadyAsync(string zone, string id, Node? node = null)
    {
        await CreateAsync(zone, id, node);
        Pass(1);
        return await GetAsync(zone, id);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _ownState?.Dispose();
    }

    public async Task StopAsync()
    {
        Http.Dispose();
        Connection.Dispose();
        await _application.StopAsync(CancellationToken.None);
        await _application.DisposeAsync();
    }
}
