using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Sidecar.Rpc;

/// <summary>
/// Serves results of workers, two calls for every activity of an orchestration, straight from the web server:
/// most of the gRPC library's work is for what these calls do not use. A call in any other form than the plain one (a
/// compressed message, a deadline, several messages, a message that cannot be read) is the library's, which reads it
/// from its beginning.
/// </summary>
internal sealed class PlainCalls
{
    private const string ContentType = "application/grpc";
    private const int PrefixBytes = 5;

    private readonly TaskHubHost _host;
    private readonly Dictionary<string, Func<HttpContext, RequestDelegate, Task>> _calls;

    private PlainCalls(TaskHubHost host)
    {
        _host = host;
        _calls = new()
        {
            [Route("CompleteOrchestratorTask")] = (context, library) => ServeAsync(
                context, library, OrchestratorResponse.Parser, (engine, hub, response) =>
                    engine.Work.CompleteEpisodeAsync(hub, response)),
            [Route("CompleteActivityTask")] = (context, library) => ServeAsync(
                context, library, ActivityResponse.Parser, (engine, hub, response) =>
                    engine.Work.CompleteActivityAsync(hub, response)),
        };

        static string Route(string method) => $"/{TaskHubSidecarService.Descriptor.FullName}/{method}";
    }

    /// <summary>Puts itself before the library at the endpoints of its calls.</summary>
    public static void AddTo(IEndpointConventionBuilder service, TaskHubHost host)
    {
        var calls = new PlainCalls(host);
        service.Add(endpoint =>
        {
            if (endpoint is RouteEndpointBuilder { RoutePattern.RawText: { } route, RequestDelegate: { } library }
                && calls._calls.TryGetValue(route, out Func<HttpContext, RequestDelegate, Task>? serve))
            {
                endpoint.RequestDelegate = context =>
                    IsPlain(context.Request) ? serve(context, library) : library(context);
            }
        });
    }

    private static bool IsPlain(HttpRequest request)
    {
        IHeaderDictionary headers = request.Headers;
        return HttpProtocol.IsHttp2(request.Protocol)
            && headers.ContentType is [ContentType]
            && headers.GrpcEncoding.Count == 0
            && headers.GrpcTimeout.Count == 0;
    }

    private async Task ServeAsync<T>(
        HttpContext context,
        RequestDelegate library,
        MessageParser<T> parser,
        Func<TaskHubEngine, string, T, Task<CompleteTaskResponse>> complete)
        where T : class, IMessage<T>
    {
        T? message;
        try
        {
            message = await ReadAsync(context.Request.BodyReader, parser, context.RequestAborted);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            // The caller hung up in the middle of its message.
            return;
        }

        if (message is null)
        {
            await library(context);
            return;
        }

        HttpResponse response = context.Response;
        response.ContentType = ContentType;
        try
        {
            CompleteTaskResponse answer =
                await complete(_host.Engine, TaskHubService.Hub(context.Request.Headers), message);
            Write(response.BodyWriter, answer);
            response.AppendTrailer("grpc-status", "0");
        }
        catch (RpcException refusal)
        {
            // Without a message the status is in the headers.
            response.Headers.GrpcStatus = $"{(int)refusal.StatusCode}";
            response.Headers.GrpcMessage = Uri.EscapeDataString(refusal.Status.Detail);
        }
    }

    // Returns null, with nothing consumed, for all that is not one uncompressed message.
    private static async ValueTask<T?> ReadAsync<T>(
        PipeReader reader, MessageParser<T> parser, CancellationToken cancellation)
        where T : class, IMessage<T>
    {
        while (true)
        {
            ReadResult read = await reader.ReadAsync(cancellation);
            if (!read.IsCompleted && IsPossible(read.Buffer))
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }

            T? message = Parse(read.Buffer, parser);
            reader.AdvanceTo(message is null ? read.Buffer.Start : read.Buffer.End);
            return message;
        }
    }

    private static T? Parse<T>(ReadOnlySequence<byte> call, MessageParser<T> parser)
        where T : class, IMessage<T>
    {
        if (!TryReadPrefix(call, out long size) || call.Length != PrefixBytes + size)
        {
            return null;
        }

        try
        {
            return parser.ParseFrom(call.Slice(PrefixBytes));
        }
        catch (InvalidProtocolBufferException)
        {
            // The library meets the same fault, and answers it.
            return null;
        }
    }

    // Whether more bytes could make it one message that is small enough.
    private static bool IsPossible(ReadOnlySequence<byte> call) =>
        call.Length < PrefixBytes
        || (TryReadPrefix(call, out long size) && size <= TaskHubSidecarExtensions.MostBytesInMessage
            && call.Length <= PrefixBytes + size);

    // A prefix is a byte that is 0 for an uncompressed message, and its size in four bytes, the highest first.
    private static bool TryReadPrefix(ReadOnlySequence<byte> call, out long size)
    {
        var prefix = new SequenceReader<byte>(call);
        bool isRead = prefix.TryRead(out byte compressed) & prefix.TryReadBigEndian(out int length);
        size = (uint)length;
        return isRead && compressed == 0;
    }

    private static void Write(PipeWriter writer, CompleteTaskResponse answer)
    {
        int size = answer.CalculateSize();
        Span<byte> frame = writer.GetSpan(PrefixBytes + size)[..(PrefixBytes + size)];
        frame[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(frame[1..], size);
        answer.WriteTo(frame[PrefixBytes..]);
        writer.Advance(frame.Length);
    }
}
