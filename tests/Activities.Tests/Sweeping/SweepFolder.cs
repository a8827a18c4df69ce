using Google.Cloud.Tpu.V2;
using Google.Protobuf.WellKnownTypes;
using Workflows.Activities.Capacity;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Activities.Tests.Provisioning;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.Activities.Tests.Sweeping;

/// <summary>A service whose run-1 has ended after it asked for nodes in project p, and a cloud.</summary>
public abstract class SweepFolder : CloudFolder
{
    protected const string Other = "0123456789abcdef";

    protected SweepFolder()
    {
        Secrets = new NodeSecrets(Folder);
        Record = new SweepRecord(Ledger, Clock);
        Intend(1);
    }

    protected NodeSecrets Secrets { get; }

    protected SweepRecord Record { get; private set; }

    internal FakeStandings Runs { get; } = new();

    protected static SweepScope Person { get; } = new(Deletes: true, IsPerson: true, null, []);

    protected static SweepScope Look { get; } = new(Deletes: false, IsPerson: true, null, []);

    protected Task<SweepReport> SweepAsync(SweepScope scope, ITpuCloud? cloud = null) =>
        Sweeper(cloud).SweepAsync(scope, TestContext.Current.CancellationToken);

    protected Sweeper Sweeper(ITpuCloud? cloud = null) => new(
        cloud ?? Cloud, Ledger, Jobs, Secrets, PriceCatalog.Load(null), Runs, Record, Clock);

    /// <summary>Reads the record from its file, as a service that starts does.</summary>
    protected void Reopen() => Record = new SweepRecord(new RunLedger(Folder, Clock), Clock);

    /// <summary>A node as this service makes it.</summary>
    protected Node Put(string run = "run-1", int attempt = 1, string zone = Zone, string project = "p")
    {
        var name = NodeName.Of(project, zone, $"wf-{run}-{attempt}");
        var node = new Node
        {
            Name = $"{name}",
            State = State.Ready,
            AcceleratorType = "v5litepod-8",
            CreateTime = Timestamp.FromDateTimeOffset(Clock.GetUtcNow()),
            Labels = { [NodeLabels.Run] = run, [NodeLabels.Service] = Secrets.ServiceId },
            Metadata = { [NodeLabels.Secret] = Secrets.For(new RunId(run), name) },
        };
        Cloud.Nodes[node.Name] = node;
        return node;
    }

    /// <summary>A queued resource that waits for such a node.</summary>
    protected QueuedResource Queue(Node node)
    {
        var zone = node.Name.Split('/')[3];
        var queued = new QueuedResource
        {
            Name = $"projects/p/locations/{zone}/queuedResources/q-1",
            State = new QueuedResourceState { State = QueuedResourceState.Types.State.WaitingForResources },
            CreateTime = node.CreateTime,
            Tpu = new QueuedResource.Types.Tpu
            {
                NodeSpec =
                {
                    new QueuedResource.Types.Tpu.Types.NodeSpec { NodeId = node.Name.Split('/')[^1], Node = node },
                },
            },
        };
        Cloud.Queued[queued.Name] = queued;
        return queued;
    }

    internal sealed class FakeStandings : IRunStandings
    {
        public HashSet<string> Live { get; } = [];

        public Exception? Fault { get; set; }

        /// <summary>Gets or sets what happens while the engine is asked for a run.</summary>
        public Action<RunId>? OnAsked { get; set; }

        public List<string> Rehearsals { get; } = [];

        public IReadOnlyList<string> RehearsalProjects => Rehearsals;

        public Task<bool> IsLiveAsync(RunId runId, CancellationToken cancellationToken)
        {
            OnAsked?.Invoke(runId);
            return Fault is null ? Task.FromResult(Live.Contains(runId.Value)) : Task.FromException<bool>(Fault);
        }
    }
}
