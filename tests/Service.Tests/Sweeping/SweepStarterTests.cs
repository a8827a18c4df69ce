using Grpc.Core;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Activities.Sweeping;
using Workflows.Service.Sweeping;

namespace Workflows.Service.Tests.Sweeping;

/// <summary>No fault of the engine's client ends the attempts to start the sweep.</summary>
public sealed class SweepStarterTests
{
    [Fact]
    public async Task Start_OverAnEngineThatFails_WaitsForThePortsAndGoesOnUntilTheSweepHasStarted()
    {
        var engine = new FailingEngine();
        engine.Faults.Enqueue(new InvalidOperationException("The client is broken."));
        await using var client = new GrpcDurableTaskClient(
            "test", new GrpcDurableTaskClientOptions { CallInvoker = engine }, NullLogger.Instance);
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        using var starter = new SweepStarter(
            client, new SweepSettings(TimeSpan.FromMinutes(1), CancellationToken.None), lifetime,
            NullLogger<SweepStarter>.Instance);

        await starter.StartAsync(TestContext.Current.CancellationToken);
        await Task.Delay(TimeSpan.FromMilliseconds(100), TestContext.Current.CancellationToken);
        Assert.Equal(0, engine.Calls);
        lifetime.NotifyStarted();
        await starter.ExecuteTask!.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);

        Assert.Equal(2, engine.Calls);
    }

    private sealed class FailingEngine : CallInvoker
    {
        public Queue<Exception> Faults { get; } = new();

        public int Calls { get; private set; }

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        {
            Calls++;
            if (Faults.TryDequeue(out var fault))
            {
                throw fault;
            }

            object answer = new CreateInstanceResponse { InstanceId = "sweep" };
            return new AsyncUnaryCall<TResponse>(
                Task.FromResult((TResponse)answer), Task.FromResult(new Metadata()), () => Status.DefaultSuccess,
                () => [], () => { });
        }

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException();
    }
}
