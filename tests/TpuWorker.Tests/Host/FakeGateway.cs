using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>Gives one job, and writes down what it hears.</summary>
internal sealed class FakeGateway(Job job, Action<WorkerMessage> onMessage) : WorkerGateway.WorkerGatewayBase
{
    private readonly TaskCompletionSource _allRead = new(), _ended = new();

    public List<WorkerMessage> Messages { get; } = [];

    /// <summary>Gets the end of the messages; the stream is open until <see cref="Hold"/> ends.</summary>
    public Task AllRead => _allRead.Task;

    /// <summary>Gets what the gateway waits for before it ends the stream, which the worker's end may cut.</summary>
    public Task Hold { get; init; } = Task.CompletedTask;

    /// <summary>Gets a value indicating whether the gateway acknowledges an end, and ends the stream after
    /// it.</summary>
    public bool Acknowledges { get; init; }

    /// <summary>Gets what is answered to a message; null for nothing.</summary>
    public Func<WorkerMessage, GatewayMessage?> Answer { get; init; } = _ => null;

    /// <summary>Gets a value indicating whether the worker hung up before the gateway had ended the stream.</summary>
    public bool WasCutOff { get; private set; }

    public Task Ended => _ended.Task;

    public async Task<(WebApplication Application, Uri Address)> StartAsync()
    {
        var (builder, ports) = LoopbackApplication.CreateBuilder(LogLevel.Critical, HttpProtocols.Http2);
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        var application = builder.Build();
        application.MapGrpcService<FakeGateway>();
        await application.StartAsync(TestContext.Current.CancellationToken);
        return (application, new Uri($"http://127.0.0.1:{ports[0]}"));
    }

    public override async Task Connect(
        IAsyncStreamReader<WorkerMessage> requestStream, IServerStreamWriter<GatewayMessage> responseStream,
        ServerCallContext context)
    {
        await responseStream.WriteAsync(new GatewayMessage { Job = job }, context.CancellationToken);
        try
        {
            await foreach (var message in requestStream.ReadAllAsync(context.CancellationToken))
            {
                Messages.Add(message);
                onMessage(message);
                if (Answer(message) is { } answer)
                {
                    await responseStream.WriteAsync(answer, context.CancellationToken);
                }

                if (Acknowledges && message.JobEnded is { } end)
                {
                    await responseStream.WriteAsync(
                        new GatewayMessage { JobEndedAck = new JobEndedAck { JobId = end.JobId } },
                        context.CancellationToken);
                    break;
                }
            }

            _allRead.TrySetResult();
            await Hold.WaitAsync(context.CancellationToken);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // Broken off; the messages tell the rest.
            WasCutOff = true;
        }
        finally
        {
            _ended.TrySetResult();
        }
    }
}
