using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Tests.Hosting;
using Workflows.Service.Tests.Messages;
using Workflows.Service.Workers;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>A stream that breaks, floods or sends what cannot be ends for itself: the next worker is welcome.</summary>
public sealed class GatewayFaultTests(RunningService service) : IClassFixture<RunningService>
{
    private static int _nodes;

    [Fact]
    public async Task Stream_WithAMessageOverTheLimit_EndsAloneAndIsToldOnce()
    {
        var (channel, call, node) = await ConnectAsync();
        using (channel)
        using (call)
        {
            await SendAsync(call, new WorkerMessage { JobEnded = new JobEnded { ErrorMessage = new('x', 5 << 20) } });
            await EndAsync(call);
        }

        await AssertOthersAreWelcomeAsync();
        Assert.Equal(1, await SubscribedService.LoggedAsync(service, $"The stream of the worker of {node} of run"));
    }

    [Fact]
    public async Task Stream_OfMessagesForUnknownJobs_IsAnsweredAndToldOnce()
    {
        var (channel, call, node) = await ConnectAsync();
        using (channel)
        using (call)
        {
            for (var each = 0; each < 100; each++)
            {
                await call.RequestStream.WriteAsync(new WorkerMessage
                {
                    Progress = new Progress { JobId = $"train@other-{each}", Step = 1, Steps = 2, Loss = 1 },
                });
            }

            await call.RequestStream.WriteAsync(new WorkerMessage { JobEnded = new JobEnded { JobId = "nobody's" } });

            // The end of a job that nobody gave is acknowledged: the worker would repeat it for ever.
            Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
            Assert.Equal("nobody's", call.ResponseStream.Current.JobEndedAck.JobId);
        }

        await AssertOthersAreWelcomeAsync();
        Assert.Equal(1, await SubscribedService.LoggedAsync(
            service, $"The worker of {node} of run faults sends a job_id"));
    }

    [Fact]
    public async Task Stream_WithEmptyMessagesAndASecondHello_GoesOn()
    {
        var (channel, call, _) = await ConnectAsync();
        using (channel)
        using (call)
        {
            await call.RequestStream.WriteAsync(new WorkerMessage());
            await call.RequestStream.WriteAsync(new WorkerMessage { Hello = new Hello { RunId = "../other" } });
            await call.RequestStream.WriteAsync(new WorkerMessage { JobEnded = new JobEnded { JobId = "later" } });

            Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
            Assert.Equal("later", call.ResponseStream.Current.JobEndedAck.JobId);
        }
    }

    [Fact]
    public async Task Stream_OfANodeThatConnectsAgain_TakesThePlaceOfTheFirst()
    {
        var name = $"projects/p/locations/us-west4-a/nodes/twice-{Interlocked.Increment(ref _nodes)}";
        var (firstChannel, first, _) = await ConnectAsync(name);
        var (secondChannel, second, _) = await ConnectAsync(name);
        using (firstChannel)
        using (first)
        using (secondChannel)
        using (second)
        {
            await EndAsync(first);
            await second.RequestStream.WriteAsync(new WorkerMessage { JobEnded = new JobEnded { JobId = "second" } });
            Assert.True(await second.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
            Assert.Equal("second", second.ResponseStream.Current.JobEndedAck.JobId);
        }
    }

    /// <summary>Streams of messages that mean anything or nothing; one that is refused ends its stream
    /// alone.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Streams_OfAnyMessages_LeaveTheGatewayToOthers(int seed)
    {
        var random = new Random(seed);
        for (var stream = 0; stream < 10; stream++)
        {
            var (channel, call, node) = await ConnectAsync();
            using (channel)
            using (call)
            {
                var messages = new RandomMessages(random, "faults", node, "train@other", "0");
                for (var each = 0; each < 30; each++)
                {
                    await SendAsync(call, (WorkerMessage)messages.Next(WorkerMessage.Descriptor));
                }
            }
        }

        await AssertOthersAreWelcomeAsync();
        using var runs = await service.Http.GetAsync("/runs", TestContext.Current.CancellationToken);
        Assert.True(runs.IsSuccessStatusCode);
    }

    /// <summary>A full disk takes no point of the curve: that is told once, and the stream goes on.</summary>
    [Fact]
    public async Task Progress_ThatTheDiskDoesNotTake_IsToldOnceAndTheNextIsTaken()
    {
        Skipped.Unless(File.Exists("/dev/full"), "There is no /dev/full on this system.");
        var (channel, call, node) = await ConnectAsync("projects/p/locations/us-west4-a/nodes/curve");
        using (channel)
        using (call)
        {
            var job = Dispatch(node);
            var curve = Path.Combine(Ledger.DirectoryOf(Run), "metrics.jsonl");
            File.CreateSymbolicLink(curve, "/dev/full");
            for (var step = 1; step <= 3; step++)
            {
                await ReportAsync(call, job, step);
            }

            await Eventually.TrueAsync(async () => await SubscribedService.LoggedAsync(
                service, $"A message of the worker of {node} of run faults could not be written to disk") > 0);
            File.Delete(curve);
            await ReportAsync(call, job, 4);
            await Eventually.TrueAsync(() => File.Exists(curve) && Metrics.Read(Run) is [.., { Step: 4 }]);
            File.Delete(curve);
        }

        Assert.Equal(1, await SubscribedService.LoggedAsync(service, $"of the worker of {node} of run faults could"));
    }

    /// <summary>An end that is on no disk is not acknowledged, so the worker sends it again.</summary>
    [Fact]
    public async Task End_ThatTheDiskDoesNotTake_IsAcknowledgedOnceItIsTaken()
    {
        Skipped.Unless(File.Exists("/dev/full"), "There is no /dev/full on this system.");
        var (channel, call, node) = await ConnectAsync("projects/p/locations/us-west4-a/nodes/end");
        using (channel)
        using (call)
        {
            var job = Dispatch(node);
            var ledger = Path.Combine(Ledger.DirectoryOf(Run), "ledger.jsonl");
            var end = new WorkerMessage { JobEnded = new JobEnded { JobId = job, Succeeded = true } };
            Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
            Assert.Equal(GatewayMessage.KindOneofCase.Job, call.ResponseStream.Current.KindCase);
            File.Move(ledger, ledger + ".aside");
            File.CreateSymbolicLink(ledger, "/dev/full");
            await call.RequestStream.WriteAsync(end);
            await Eventually.TrueAsync(async () => await SubscribedService.LoggedAsync(
                service, $"A message of the worker of {node} of run faults could not be written to disk") > 0);
            Assert.DoesNotContain(Ledger.Read(Run), entry => entry.Kind == LedgerKinds.JobEnded && entry.Key == job);
            File.Move(ledger + ".aside", ledger, overwrite: true);
            await call.RequestStream.WriteAsync(end);

            // The first message back is that of the second end: none came for the first.
            Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
            Assert.Equal(job, call.ResponseStream.Current.JobEndedAck?.JobId);
        }

        // The lines that were there before are there still.
        var read = new RunLedger(service.Settings.StateDirectory, TimeProvider.System).Read(Run);
        Assert.Equal(Ledger.Read(Run).Select(entry => entry.Key), read.Select(entry => entry.Key));
        Assert.Single(read, entry => entry.Kind == LedgerKinds.JobEnded);
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("HTTP/1.1")]
    [InlineData("noise")]
    [InlineData("half a preface")]
    [InlineData("half a frame")]
    public async Task Connection_OfBytesThatAreNoStream_LeavesTheGatewayToOthers(string kind)
    {
        byte[] preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];
        byte[] sent = kind switch
        {
            "nothing" => [],
            "HTTP/1.1" => [.. "GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"u8],
            "half a preface" => preface[..10],
            "half a frame" => [.. preface, 0, 0, 200, 1, 4],
            _ => [.. Enumerable.Range(0, 4096).Select(each => (byte)(each * 131))],
        };
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, Port, TestContext.Current.CancellationToken);
            await client.GetStream().WriteAsync(sent, TestContext.Current.CancellationToken);
        }

        await AssertOthersAreWelcomeAsync();
    }

    private static readonly RunId Run = new("faults");

    private RunLedger Ledger => service.Services.GetRequiredService<RunLedger>();

    private MetricsLog Metrics => service.Services.GetRequiredService<MetricsLog>();

    /// <summary>Gives a node a training.</summary>
    /// <returns>The job's id.</returns>
    private string Dispatch(string node)
    {
        var name = new NodeName(node);
        var job = GivenJob.Training(Run, name);
        service.Services.GetRequiredService<JobBook>().Dispatch(job with
        {
            Spec = job.Spec with { IsRehearsal = true },
            Data = new PreparedData("/t", "/e", 1, 1, new Dictionary<string, int>()),
            ReplyTo = "nobody",
        });
        return JobBook.JobId(JobKind.Train, Run, name);
    }

    private static Task ReportAsync(
        AsyncDuplexStreamingCall<WorkerMessage, GatewayMessage> call, string job, int step) =>
        call.RequestStream.WriteAsync(new WorkerMessage
        {
            Progress = new Progress { JobId = job, Step = step, Steps = 9, Loss = 1 },
        });

    private int Port => ServicePorts.Kept(service.Settings.StateDirectory)!.Grpc;

    private async Task AssertOthersAreWelcomeAsync()
    {
        var (channel, call, _) = await ConnectAsync();
        call.Dispose();
        channel.Dispose();
        using var health = await service.Http.GetAsync("/healthz", TestContext.Current.CancellationToken);
        Assert.True(health.IsSuccessStatusCode);
    }

    /// <summary>Connects a worker with its node's secret and reads the welcome.</summary>
    private async Task<(GrpcChannel Channel, AsyncDuplexStreamingCall<WorkerMessage, GatewayMessage> Call, string Node)>
        ConnectAsync(string? node = null)
    {
        node ??= $"projects/p/locations/us-west4-a/nodes/n-{Interlocked.Increment(ref _nodes)}";
        var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{Port}");
        var call = new WorkerGateway.WorkerGatewayClient(channel).Connect(
            cancellationToken: TestContext.Current.CancellationToken);
        var secret = new NodeSecrets(service.Settings.StateDirectory).For(new RunId("faults"), new NodeName(node));
        await call.RequestStream.WriteAsync(new WorkerMessage
        {
            Hello = new Hello { RunId = "faults", NodeName = node, Secret = secret },
        });
        Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        Assert.True(call.ResponseStream.Current.Welcome.HeartbeatSeconds > 0);
        return (channel, call, node);
    }

    /// <summary>Sends a message that the other side may refuse before it is sent whole.</summary>
    private static async Task SendAsync(
        AsyncDuplexStreamingCall<WorkerMessage, GatewayMessage> call, WorkerMessage message)
    {
        try
        {
            await call.RequestStream.WriteAsync(message);
        }
        catch (RpcException)
        {
            // The stream has ended; the caller asserts that.
        }
    }

    /// <summary>Reads until the gateway ends the stream, with an error or without.</summary>
    private static async Task EndAsync(AsyncDuplexStreamingCall<WorkerMessage, GatewayMessage> call)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            while (await call.ResponseStream.MoveNext(limit.Token))
            {
                // Messages before the end do not matter.
            }
        }
        catch (RpcException exception)
        {
            Assert.NotEqual(StatusCode.Cancelled, exception.StatusCode);
        }
    }
}
