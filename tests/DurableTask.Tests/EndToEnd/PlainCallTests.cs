using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Compression;
using Microsoft.DurableTask.Protobuf;
using Service = Microsoft.DurableTask.Protobuf.TaskHubSidecarService.TaskHubSidecarServiceClient;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>
/// Results of workers take a way of their own through the server, in the plain form only. Nothing shows it: every form
/// is answered as the gRPC library answers it at the methods that have no such way.
/// </summary>
public sealed class PlainCallTests : HandWorkerTest
{
    private const string Shortened = "CompleteActivityTask";
    private const string Library = "CompleteEntityTask";

    // The token of nothing: both methods refuse it with the same status.
    private static readonly byte[] Unknown = Framed(new ActivityResponse { CompletionToken = "none" }.ToByteArray());
    private static readonly byte[] UnknownBatch =
        Framed(new EntityBatchResult { CompletionToken = "none" }.ToByteArray());

    public static TheoryData<string> Forms =>
    [
        "nothing", "half a prefix", "half a message", "no protobuf", "two messages", "a length of 4 GB",
        "marked as compressed", "one byte at a time", "an empty message",
    ];

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Body_InAnyForm_IsAnsweredAsByTheLibrary(string form)
    {
        (string Status, string Message) shortened = await SendAsync(Shortened, Body(form, Unknown), form);
        (string Status, string Message) library = await SendAsync(Library, Body(form, UnknownBatch), form);

        Assert.Equal(library.Status, shortened.Status);
        if (shortened.Status != $"{(int)StatusCode.NotFound}")
        {
            Assert.Equal(library.Message, shortened.Message);
        }
    }

    [Fact]
    public async Task Refusal_OfAPlainCall_HasItsStatusAndWords()
    {
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(async () =>
            await Engine.CompleteActivityTaskAsync(new() { CompletionToken = "none" }, cancellationToken: Soon));

        Assert.Equal(StatusCode.NotFound, refusal.StatusCode);
        Assert.Equal(
            "The work item is unknown: it was completed, taken back or replaced.", refusal.Status.Detail);
    }

    [Fact]
    public async Task Call_CompressedOrWithADeadline_IsUnderstood()
    {
        using var channel = GrpcChannel.ForAddress(Sidecar.Address, new()
        {
            CompressionProviders = [new GzipCompressionProvider(CompressionLevel.Fastest)],
        });
        var compressing = new Service(channel);
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await StartAsync("a");
        WorkItem item = await NextAsync(worker);
        await compressing.CompleteOrchestratorTaskAsync(
            new() { InstanceId = "a", CompletionToken = item.CompletionToken, Actions = { Schedule(0) } },
            new Metadata { { "grpc-internal-encoding-request", "gzip" } }, cancellationToken: Soon);
        WorkItem activity = await NextAsync(worker);
        await Engine.CompleteActivityTaskAsync(
            new() { InstanceId = "a", CompletionToken = activity.CompletionToken, Result = new string('r', 100_000) },
            deadline: DateTime.UtcNow.AddMinutes(2), cancellationToken: Soon);
        item = await NextAsync(worker);

        Assert.Equal(100_000, item.OrchestratorRequest.NewEvents[^1].TaskCompleted.Result.Length);
    }

    [Fact]
    public async Task Message_InManyFrames_ArrivesWhole()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await StartAsync("a");
        await CompleteAsync(await NextAsync(worker), Schedule(0));
        WorkItem activity = await NextAsync(worker);
        // More than a stream's window: the rest is sent only as the server reads.
        await Engine.CompleteActivityTaskAsync(
            new() { InstanceId = "a", CompletionToken = activity.CompletionToken, Result = new string('r', 3_000_000) },
            cancellationToken: Soon);
        WorkItem item = await NextAsync(worker);

        Assert.Equal(3_000_000, item.OrchestratorRequest.NewEvents[^1].TaskCompleted.Result.Length);
    }

    [Fact]
    public async Task Result_OfAnotherHub_IsUnknown()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await StartAsync("a");
        WorkItem item = await NextAsync(worker);

        RpcException refusal = await Assert.ThrowsAsync<RpcException>(async () =>
            await Engine.CompleteOrchestratorTaskAsync(
                new() { InstanceId = "a", CompletionToken = item.CompletionToken },
                new Metadata { { "taskhub", "other" } }, cancellationToken: Soon));

        Assert.Equal(StatusCode.NotFound, refusal.StatusCode);
    }

    private static byte[] Body(string form, byte[] whole) => form switch
    {
        "nothing" => [],
        "half a prefix" => whole[..3],
        "half a message" => whole[..^2],
        "no protobuf" => Framed([0xff, 0xff, 0xff]),
        "two messages" => [.. whole, .. whole],
        "a length of 4 GB" => [0, 0xff, 0xff, 0xff, 0xff, .. whole],
        "marked as compressed" => [1, .. whole[1..]],
        "an empty message" => Framed([]),
        _ => whole,
    };

    private static byte[] Framed(byte[] message)
    {
        byte[] frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    private async Task<(string Status, string Message)> SendAsync(string method, byte[] body, string form)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(
            HttpMethod.Post, new Uri($"{Sidecar.Address}/TaskHubSidecarService/{method}"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new Pieces(body, form == "one byte at a time" ? 1 : body.Length),
        };
        request.Headers.TE.ParseAdd("trailers");
        request.Content.Headers.ContentType = new("application/grpc");
        using HttpResponseMessage response = await client.SendAsync(request, Soon);
        await response.Content.ReadAsByteArrayAsync(Soon);
        return (Value("grpc-status"), Value("grpc-message"));

        string Value(string name) => Uri.UnescapeDataString(
            response.Headers.TryGetValues(name, out IEnumerable<string>? values)
                || response.TrailingHeaders.TryGetValues(name, out values)
                ? string.Concat(values)
                : string.Empty);
    }

    private sealed class Pieces(byte[] body, int size) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (int start = 0; start < body.Length; start += size)
            {
                await stream.WriteAsync(body.AsMemory(start, Math.Min(size, body.Length - start)));
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
