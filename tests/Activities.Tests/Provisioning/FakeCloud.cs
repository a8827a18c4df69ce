using System.Net;
using System.Text.Json.Nodes;
using Google.Cloud.Location;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Provisioning;

/// <summary>
/// The Cloud TPU API on a loopback port, with nodes that a test puts there and faults that it scripts. It keeps every
/// request, and does nothing of its own accord: a node that is deleted stays DELETING until the test takes it away.
/// </summary>
internal sealed class FakeCloud : ITpuCloud, IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly TpuConnection _connection;

    private FakeCloud(WebApplication application)
    {
        _application = application;
        _connection = TpuConnection.ToEmulator(new Uri(application.Urls.First()));
    }

    /// <summary>Gets the nodes by name.</summary>
    public Dictionary<string, Node> Nodes { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets the queued resources by name.</summary>
    public Dictionary<string, QueuedResource> Queued { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets the bodies of the requests for flex-start, as they came in.</summary>
    public List<JsonObject> FlexStarts { get; } = [];

    /// <summary>Gets the names of nodes that lists over all locations leave out.</summary>
    public HashSet<string> Hidden { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets the zones that the cloud lists.</summary>
    public List<string> Zones { get; } = ["us-west4-a"];

    /// <summary>Gets the images that a zone lists.</summary>
    public Dictionary<string, string[]> Runtimes { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets the errors that every call about a name meets.</summary>
    public Dictionary<string, RpcException> Broken { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets the operations by name.</summary>
    public Dictionary<string, Operation> Operations { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets every call: the method and the name that it was about.</summary>
    public List<(string Method, string Name)> Calls { get; } = [];

    /// <summary>Gets the nodes that were asked for, as they came in.</summary>
    public List<CreateNodeRequest> Creates { get; } = [];

    /// <summary>Gets the faults that the next calls of a method meet, in order.</summary>
    public Dictionary<string, Queue<RpcException>> Faults { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets or sets how many times a connection was asked for.</summary>
    public int Connects { get; set; }

    public static async Task<FakeCloud> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        FakeCloud? cloud = null;
        builder.Services.AddSingleton(_ => new TpuApi(() => cloud!));
        builder.Services.AddSingleton(_ => new OperationsApi(() => cloud!));
        builder.Services.AddSingleton(_ => new LocationsApi(() => cloud!));
        var application = builder.Build();
        application.MapGrpcService<TpuApi>();
        application.MapGrpcService<OperationsApi>();
        application.MapGrpcService<LocationsApi>();
        application.MapPost(
            "/v2alpha1/projects/{project}/locations/{zone}/queuedResources",
            (string project, string zone, string queuedResourceId, JsonObject body) =>
                cloud!.CreateFlexStart($"projects/{project}/locations/{zone}", queuedResourceId, body));
        await application.StartAsync();
        cloud = new FakeCloud(application);
        return cloud;
    }

    public Task<TpuConnection> ConnectAsync(
        string project, bool isRehearsal, CancellationToken cancellationToken)
    {
        Connects++;
        return Task.FromResult(_connection);
    }

    /// <summary>Makes the next call of a method fail.</summary>
    public void Fail(string method, StatusCode code, string text)
    {
        Faults.TryAdd(method, new Queue<RpcException>());
        Faults[method].Enqueue(new RpcException(new Status(code, text)));
    }

    /// <summary>Puts a node there.</summary>
    public void Put(NodeName name, Node.Types.State state, string? run = null)
    {
        var node = new Node { Name = $"{name}", State = state };
        if (run is not null)
        {
            node.Labels.Add(NodeLabels.Run, run);
        }

        Nodes[node.Name] = node;
    }

    public IEnumerable<string> Deleted() => Calls.Where(call => call.Method == "Delete").Select(call => call.Name);

    public async ValueTask DisposeAsync()
    {
        _connection.Dispose();
        await _application.StopAsync();
        await _application.DisposeAsync();
    }

    private IResult CreateFlexStart(string parent, string id, JsonObject body)
    {
        try
        {
            var name = $"{parent}/queuedResources/{id}";
            FlexStarts.Add((JsonObject)body.DeepClone());
            body.Remove("provisioningModel");
            body.Remove("runDuration");
            TpuApi.Queue(this, "CreateFlexStart", name, JsonParser.Default.Parse<QueuedResource>(body.ToJsonString()));
            return Results.Json(new JsonObject { ["name"] = $"{parent}/operations/op-queue" });
        }
        catch (RpcException exception)
        {
            // PermissionDenied is PERMISSION_DENIED.
            var status = string.Concat($"{exception.StatusCode}".Select((letter, index) =>
                index > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{char.ToUpperInvariant(letter)}"));
            return Results.Json(
                new JsonObject
                {
                    ["error"] = new JsonObject { ["status"] = status, ["message"] = exception.Status.Detail },
                },
                statusCode: 400);
        }
    }

    private void Enter(string method, string name)
    {
        lock (Calls)
        {
            Calls.Add((method, name));
        }

        if (Broken.TryGetValue(name, out var broken))
        {
            throw broken;
        }

        if (Faults.TryGetValue(method, out var faults) && faults.TryDequeue(out var fault))
        {
            throw fault;
        }
    }

    private Node Find(string name) => Nodes.TryGetValue(name, out var node)
        ? node
        : throw new RpcException(new Status(StatusCode.NotFound, $"Resource '{name}' was not found"));

    private sealed class TpuApi(Func<FakeCloud> cloud) : Tpu.TpuBase
    {
        public override Task<Operation> CreateNode(CreateNodeRequest request, ServerCallContext context)
        {
            var name = $"{request.Parent}/nodes/{request.NodeId}";
            cloud().Creates.Add(request);
            if (cloud().Nodes.ContainsKey(name))
            {
                throw new RpcException(new Status(StatusCode.AlreadyExists, $"Resource '{name}' already exists"));
            }

            // A fault of "CreateAnswer" comes after the node was made: the answer is lost, the node is not.
            cloud().Enter("Create", name);
            request.Node.Name = name;
            request.Node.State = Node.Types.State.Creating;
            cloud().Nodes[name] = request.Node;
            cloud().Enter("CreateAnswer", name);
            return Task.FromResult(new Operation { Name = $"{request.Parent}/operations/op-{request.NodeId}" });
        }

        public override Task<Node> GetNode(GetNodeRequest request, ServerCallContext context)
        {
            cloud().Enter("Get", request.Name);
            return Task.FromResult(cloud().Find(request.Name));
        }

        public override Task<Operation> DeleteNode(DeleteNodeRequest request, ServerCallContext context)
        {
            cloud().Enter("Delete", request.Name);
            cloud().Find(request.Name).State = Node.Types.State.Deleting;
            return Task.FromResult(new Operation { Name = "deletion" });
        }

        public override Task<Operation> CreateQueuedResource(
            CreateQueuedResourceRequest request, ServerCallContext context)
        {
            Queue(
                cloud(), "CreateQueued", $"{request.Parent}/queuedResources/{request.QueuedResourceId}",
                request.QueuedResource);
            return Task.FromResult(new Operation { Name = $"{request.Parent}/operations/op-queue" });
        }

        public static void Queue(FakeCloud cloud, string method, string name, QueuedResource queued)
        {
            if (cloud.Queued.ContainsKey(name))
            {
                throw new RpcException(new Status(StatusCode.AlreadyExists, $"Resource '{name}' already exists"));
            }

            cloud.Enter(method, name);
            queued.Name = name;
            cloud.Queued[name] = queued;
            cloud.Enter("CreateAnswer", name);
        }

        public override Task<ListQueuedResourcesResponse> ListQueuedResources(
            ListQueuedResourcesRequest request, ServerCallContext context)
        {
            cloud().Enter("ListQueued", request.Parent);
            return Task.FromResult(new ListQueuedResourcesResponse
            {
                QueuedResources = { cloud().Queued.Values.Where(each => IsIn(request.Parent, each.Name)) },
            });
        }

        public override Task<QueuedResource> GetQueuedResource(
            GetQueuedResourceRequest request, ServerCallContext context)
        {
            cloud().Enter("GetQueued", request.Name);
            return Task.FromResult(cloud().Queued.TryGetValue(request.Name, out var queued)
                ? queued
                : throw new RpcException(new Status(StatusCode.NotFound, "no such queued resource")));
        }

        public override Task<Operation> DeleteQueuedResource(
            DeleteQueuedResourceRequest request, ServerCallContext context)
        {
            cloud().Enter(request.Force ? "ForceQueued" : "DeleteQueued", request.Name);
            cloud().Queued[request.Name].State = new QueuedResourceState
            {
                State = QueuedResourceState.Types.State.Deleting,
            };
            return Task.FromResult(new Operation { Name = "queue-deletion" });
        }

        /// <summary>Lists in pages of one.</summary>
        public override Task<ListRuntimeVersionsResponse> ListRuntimeVersions(
            ListRuntimeVersionsRequest request, ServerCallContext context)
        {
            cloud().Enter("Runtimes", request.Parent);
            var all = cloud().Runtimes.GetValueOrDefault(request.Parent.Split('/')[^1]) ?? [];
            var skip = request.PageToken.Length == 0 ? 0 : int.Parse(request.PageToken);
            return Task.FromResult(new ListRuntimeVersionsResponse
            {
                RuntimeVersions =
                {
                    all.Skip(skip).Take(1).Select(version => new RuntimeVersion
                    {
                        Name = $"{request.Parent}/runtimeVersions/{version}",
                        Version = version,
                    }),
                },
                NextPageToken = skip + 1 < all.Length ? $"{skip + 1}" : "",
            });
        }

        /// <summary>Lists in pages of two, so that whoever reads the first alone misses nodes.</summary>
        public override Task<ListNodesResponse> ListNodes(ListNodesRequest request, ServerCallContext context)
        {
            cloud().Enter("List", request.Parent);
            var skip = request.PageToken.Length == 0 ? 0 : int.Parse(request.PageToken);

            // By the name that was asked for: the one in the answer may have the project's number.
            var all = cloud().Nodes.Where(each => IsIn(request.Parent, each.Key)
                    && !(request.Parent.EndsWith('-') && cloud().Hidden.Contains(each.Key)))
                .Select(each => each.Value).OrderBy(node => node.Name, StringComparer.Ordinal).ToList();
            return Task.FromResult(new ListNodesResponse
            {
                Nodes = { all.Skip(skip).Take(2) },
                NextPageToken = skip + 2 < all.Count ? $"{skip + 2}" : "",
            });
        }
    }

    private static bool IsIn(string parent, string name) => parent.EndsWith("/locations/-", StringComparison.Ordinal)
        ? name.StartsWith(parent[..^1], StringComparison.Ordinal)
        : name.StartsWith($"{parent}/", StringComparison.Ordinal);

    private sealed class LocationsApi(Func<FakeCloud> cloud) : Locations.LocationsBase
    {
        public override Task<ListLocationsResponse> ListLocations(
            ListLocationsRequest request, ServerCallContext context)
        {
            cloud().Enter("Locations", request.Name);
            return Task.FromResult(new ListLocationsResponse
            {
                Locations = { cloud().Zones.Select(zone => new Location { LocationId = zone }) },
            });
        }
    }

    private sealed class OperationsApi(Func<FakeCloud> cloud) : Google.LongRunning.Operations.OperationsBase
    {
        public override Task<Operation> GetOperation(GetOperationRequest request, ServerCallContext context)
        {
            cloud().Enter("GetOperation", request.Name);
            return Task.FromResult(cloud().Operations.TryGetValue(request.Name, out var operation)
                ? operation
                : throw new RpcException(new Status(StatusCode.NotFound, "no such operation")));
        }
    }
}
