using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Google.Cloud.Tpu.V2;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Capacity.Bench.Product;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Capacity.Tests.Chaos;

/// <summary>
/// One whole rehearsal on a virtual clock: the real engine, orchestrators, activities, clients and emulated cloud, with
/// modelled workers, and faults of all of them drawn from one seed.
/// </summary>
internal sealed class ChaosRun : IDisposable
{
    private const double MostDays = 20;
    private const int MostWorkItems = 100_000;

    private static readonly string[] Zones =
        ["us-central1-a", "us-east1-d", "us-east5-a", "europe-west4-a", "asia-northeast1-b"];

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private static readonly DateTimeOffset Start = new(2026, 11, 24, 0, 0, 0, TimeSpan.Zero);

    private readonly string _folder;
    private readonly VirtualClock _clock = new(Start);
    private readonly EmulatedCloud _cloud;
    private readonly InProcessCloud _calls;
    private readonly Dictionary<string, ChaosVm> _vms = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Look>> _answers = new(StringComparer.Ordinal);
    private readonly double _cloudFaults;
    private readonly double _crashes;
    private readonly DateTimeOffset? _cancelAt;
    private DateTimeOffset _outageUntil;
    private ChaosService? _service;
    private bool _isCancelAsked;

    /// <summary>Draws a run.</summary>
    /// <param name="random">Draws everything.</param>
    /// <param name="corpus">Training pairs.</param>
    /// <param name="isGroup">true for a group of variants that pass their nodes on.</param>
    public ChaosRun(Random random, string corpus, bool isGroup = false)
    {
        Random = random;

        // Memory, where there is a file system in it: the engine's durability has tests of its own.
        var root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        _folder = Directory.CreateDirectory(Path.Combine(root, $"chaos-{Guid.NewGuid():N}")).FullName;
        _cloudFaults = random.Next(3) == 0 ? 0 : random.NextDouble() * 0.25;
        WorkerFaults = random.Next(3) == 0 ? 0 : random.NextDouble() * 0.2;
        _crashes = random.Next(3) == 0 ? 0 : random.NextDouble() * 0.03;
        StepSeconds = random.Next(5, 60);
        var market = new ChaosMarket(random, random.NextDouble() * 0.8, 200 + random.NextDouble() * 6000);
        _cloud = new EmulatedCloud(
            new EmulatorOptions { StateDirectory = Path.Combine(_folder, "emulator") }, _clock,
            NullLogger<EmulatedCloud>.Instance, market);
        _calls = new InProcessCloud(_cloud, NextFault, Answered);
        Spec = DrawSpec(corpus);
        if (isGroup)
        {
            Spec = DrawVariants(Spec);
        }

        _cloud.Prepare(Spec.Project, DrawScenario());
        _cancelAt = random.Next(6) == 0 ? _clock.GetUtcNow().AddSeconds(random.Next(1, 4000)) : null;
    }

    public Random Random { get; }

    public RunId RunId => Spec.RunId;

    public RunSpec Spec { get; }

    public double StepSeconds { get; private set; }

    /// <summary>Gets the share of a worker's steps at which something breaks.</summary>
    public double WorkerFaults { get; }

    /// <summary>Gets the newest checkpoint of each run, which outlives every VM.</summary>
    public Dictionary<RunId, int> Checkpoints { get; } = [];

    /// <summary>Gets the runs that may have nodes: the variants of a group.</summary>
    public IReadOnlyList<RunId> Members => Spec.Variants is { } variants
        ? [.. variants.Select(variant => variant.Spec.RunId)] : [RunId];

    /// <summary>Gets the nodes that variants got from others.</summary>
    public int Passed { get; private set; }

    public int Crashes { get; private set; }

    public int WorkItems { get; private set; }

    /// <summary>Gets the steps of moves, by their kind in the ledger.</summary>
    public IReadOnlyDictionary<string, int> Moves { get; private set; } = new Dictionary<string, int>();

    /// <summary>Runs it to its end, and checks the end.</summary>
    public async Task<RunOutcome> RunAsync()
    {
        _service = await ChaosService.StartAsync(_folder, _clock, _calls);
        await _service.StartRunAsync(Spec);
        var pending = new List<WorkItem>();
        RunOutcome? outcome;
        do
        {
            outcome = await PassAsync(pending);
        }
        while (outcome is null);

        Passed = Members.Sum(id => Handovers.Received(_service!.Ledger, id).Count);
        await ChaosVerdict.CheckAsync(this, outcome, _service, _cloud, _clock, _answers, _isCancelAsked);
        Moves = _service.Ledger.Read(RunId)
            .Where(entry => entry.Kind is LedgerKinds.MoveBegun or LedgerKinds.Moved or LedgerKinds.MoveGivenUp)
            .GroupBy(entry => entry.Kind).ToDictionary(kind => kind.Key, kind => kind.Count(), StringComparer.Ordinal);
        return outcome;
    }

    public void Dispose()
    {
        _service?.CrashAsync().GetAwaiter().GetResult();
        _calls.Dispose();
        _cloud.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Does one piece of work, or moves the clock if there is none.</summary>
    private async Task<RunOutcome?> PassAsync(List<WorkItem> pending)
    {
        await _service!.SettleAsync();
        while (_service.Session.Items.Reader.TryRead(out var frame))
        {
            pending.Add(frame.Item);
        }

        if (pending.Count > 0)
        {
            var at = Random.Next(pending.Count);
            var item = pending[at];
            pending.RemoveAt(at);
            await HandleAsync(item, pending);
            return null;
        }

        if (await _service.OutcomeAsync(RunId) is { } outcome)
        {
            return outcome;
        }

        await MoveAsync();
        return null;
    }

    private async Task HandleAsync(WorkItem item, List<WorkItem> pending)
    {
        // A run takes some hundred; one that never moves the clock would hang the tests.
        Assert.True(++WorkItems <= MostWorkItems, $"The run is not over after {MostWorkItems} work items.");
        if (item.OrchestratorRequest is not null)
        {
            var answer = ChaosService.Decide(item);
            if (!await IsCrashedAsync(pending))
            {
                await _service!.CompleteAsync(answer);
            }
        }
        else if (item.ActivityRequest is not null)
        {
            var answer = await _service!.DoAsync(item);
            if (Random.NextDouble() < _crashes)
            {
                // The item was handed out twice.
                answer = await _service.DoAsync(item);
            }

            if (!await IsCrashedAsync(pending))
            {
                await _service.CompleteAsync(answer);
            }
        }
    }

    /// <summary>Perhaps kills the service, after its effects and before its answer; another one takes over.</summary>
    private async Task<bool> IsCrashedAsync(List<WorkItem> pending)
    {
        if (Random.NextDouble() >= _crashes)
        {
            return false;
        }

        Crashes++;
        pending.Clear();
        await _service!.CrashAsync();
        _service = null;
        foreach (var vm in _vms.Values)
        {
            vm.Disconnect(_clock.GetUtcNow());
        }

        // The cloud and the workers go on meanwhile.
        var upAt = _clock.GetUtcNow().AddSeconds(Random.Next(3) == 0 ? Random.Next(400) : 1);
        while (NextOfTheWorld() is { } next && next < upAt)
        {
            await WorldAsync(next);
        }

        _clock.MoveTo(upAt);
        _service = await ChaosService.StartAsync(_folder, _clock, _calls);
        return true;
    }

    private async Task MoveAsync()
    {
        var now = _clock.GetUtcNow();
        if (_cancelAt <= now && !_isCancelAsked)
        {
            _isCancelAsked = true;
            await _service!.RaiseAsync($"{RunId}", RunEvents.Cancel, "a person");
            return;
        }

        var next = new[] { NextOfTheWorld(), _clock.NextDue, _isCancelAsked ? null : _cancelAt }.Min()
            ?? throw new InvalidOperationException("Nothing is due, and the run has not ended.");
        if ((next - Start).TotalDays > MostDays)
        {
            throw new InvalidOperationException(
                $"The run has not ended after {MostDays} days. Its last facts:\n"
                + string.Join('\n', _service!.Ledger.Read(RunId).TakeLast(20)));
        }

        await WorldAsync(next);
    }

    private DateTimeOffset? NextOfTheWorld() => _vms.Values.Select(vm => (DateTimeOffset?)vm.NextAt)
        .Append(_clock.GetUtcNow() + _cloud.Pass()).Where(at => at != DateTimeOffset.MaxValue).Min();

    /// <summary>Moves the clock, the cloud and the VMs.</summary>
    private async Task WorldAsync(DateTimeOffset to)
    {
        _clock.MoveTo(to);
        _cloud.Pass();
        var nodes = _cloud.List(Spec.Project, "-").Where(node => node.State == Node.Types.State.Ready)
            .ToDictionary(node => node.Name, StringComparer.Ordinal);
        foreach (var gone in _vms.Keys.Where(name => !nodes.ContainsKey(name)).ToList())
        {
            _vms.Remove(gone);
        }

        foreach (var (name, node) in nodes)
        {
            if (!_vms.ContainsKey(name))
            {
                _vms.Add(name, new ChaosVm(this, node, to));
            }
        }

        foreach (var vm in _vms.Values.Where(vm => vm.NextAt <= to).ToList())
        {
            await vm.StepAsync(_service, to);
        }
    }

    private CallFault NextFault(string method)
    {
        var now = _clock.GetUtcNow();
        if (now < _outageUntil)
        {
            return CallFault.LostRequest;
        }

        if (Random.NextDouble() < _cloudFaults / 50)
        {
            _outageUntil = now.AddSeconds(Random.Next(10, 1500));
        }

        return Random.NextDouble() < _cloudFaults ? (CallFault)Random.Next(1, 7) : CallFault.None;
    }

    /// <summary>Notes when the product learnt something about a node.</summary>
    private void Answered(object request)
    {
        var (name, state) = request switch
        {
            GetNodeRequest get => (get.Name, _cloud.List(Spec.Project, "-").FirstOrDefault(
                node => node.Name == get.Name)?.State.ToString()),
            GetQueuedResourceRequest get => (get.Name, _cloud.ListQueued(Spec.Project, "-").FirstOrDefault(
                queued => queued.Name == get.Name)?.State.State.ToString()),
            _ => (null, null),
        };
        if (name is not null)
        {
            _answers.TryAdd(name, []);
            _answers[name].Add(new Look(_clock.GetUtcNow(), state));
        }
    }

    private RunSpec DrawSpec(string corpus)
    {
        var runId = new RunId(string.Create(CultureInfo.InvariantCulture, $"r{Random.Next(100000)}"));
        var isSpot = Random.Next(4) > 0;
        DateTimeOffset? deadline = isSpot && Random.Next(2) == 0
            ? _clock.GetUtcNow().AddSeconds(Random.Next(2000, 20000)) : null;
        var isQueued = Random.Next(4) == 0;

        // A run that moves is long enough for it: a node has its job for ten minutes before.
        var isMoving = isSpot && Random.Next(3) == 0;
        StepSeconds += isMoving ? 60 : 0;
        return new RunSpec
        {
            RunId = runId,
            Name = "chaos",
            Project = SweepRecord.RehearsalProject(runId),
            Direction = Random.Next(3) == 0 ? RunDirection.Both : RunDirection.KoToEn,
            Model = Checkout.PathOf("samples", "tiny-gemma3"),
            Prompt = "brief",
            Data = new DataSpec { Train = corpus },
            Tpu = new TpuSpec
            {
                AcceleratorTypes = Random.Next(2) == 0 ? ["v5litepod-8"] : ["v5litepod-8", "v5litepod-4"],
                Zones = [.. Zones.OrderBy(_ => Random.Next()).Take(Random.Next(1, Zones.Length))],
                Provisioning = isSpot ? ProvisioningMode.Spot : ProvisioningMode.OnDemand,
                Fallback = isSpot && Random.Next(2) == 0 ? SpotFallback.OnDemand : SpotFallback.None,
                AcquireTimeoutSeconds = Random.Next(1000, 20000),
                Move = isMoving ? MoveChoice.Cheaper : MoveChoice.None,
                Request = isQueued ? RequestWay.QueuedResource : RequestWay.Node,
                QueueSeconds = isQueued ? Random.Next(60, 2000) : 0,
            },
            Training = new TrainingSpec
            {
                Steps = isMoving ? Random.Next(30, 90) : Random.Next(4, 25),
                CheckpointEverySteps = Random.Next(1, 9),
                BatchSize = 4,
                WarmupSteps = 1,
            },
            Evaluation = new EvaluationSpec { BootstrapSamples = 50 },
            BudgetUsd = Random.Next(5) == 0 ? Random.NextDouble() * 3 : 1000,
            AllowOverBudget = true,
            MaxHours = Random.Next(6) == 0 ? Random.NextDouble() * 2 : null,
            Deadline = deadline,
            StopsAtDeadline = deadline is not null && Random.Next(3) == 0,
            IsRehearsal = true,
            Pace = new PaceSpec
            {
                PollSeconds = Random.Next(10, 60),
                SilenceSeconds = Random.Next(150, 400),
                BootSeconds = Random.Next(200, 900),
            },
        };
    }

    private RunSpec DrawVariants(RunSpec spec)
    {
        spec = spec with
        {
            Handover = true,
            Concurrency = Random.Next(1, 3),
            StopOnFailure = Random.Next(4) == 0,
            Training = spec.Training with { Validation = new ValidationSpec { MaxPairs = 5 } },
        };
        return spec with
        {
            Variants = [.. Enumerable.Range(1, Random.Next(2, 5)).Select(number => new RunVariant(
                $"{number}", "{}", spec with
                {
                    RunId = new RunId($"{spec.RunId}-{number}"),
                    Group = new VariantGroup(spec.RunId, $"{number}") { MaxHours = spec.MaxHours },

                    // Some cannot use the node of the one before.
                    Tpu = Random.Next(4) > 0 ? spec.Tpu : spec.Tpu with { AcceleratorTypes = ["v5litepod-4"] },
                    Training = spec.Training with { Seed = number },
                }))],
        };
    }

    private string DrawScenario()
    {
        var zones = new Dictionary<string, ZoneScenario>(StringComparer.Ordinal);
        foreach (var zone in Spec.Tpu.Zones.Where(_ => Random.Next(2) == 0))
        {
            var plays = Random.Next(10);
            zones[zone] = new ZoneScenario
            {
                Refuse = plays == 0 ? "LOCATION_POLICY_VIOLATED" : plays == 1 ? "ZONE_NOT_SUPPORTED" : null,
                Capacity = plays == 2 ? 0 : null,
                Quota = plays == 3
                    ? new Dictionary<string, int> { ["TPUV5sLitepodServingPerProjectPerZoneForTPUAPI"] = 4 }
                    : new Dictionary<string, int>(),
                AcceleratorTypes = plays == 4 ? ["v5litepod-4"] : null,
                UnavailableCreates = plays == 5 ? Random.Next(1, 12) : 0,
                RateLimitedCreates = plays == 6 ? Random.Next(1, 5) : 0,
                Preempt = plays switch
                {
                    7 => new PreemptionScenario { WhileCreating = true, Nodes = 2 },
                    8 => new PreemptionScenario
                    {
                        AfterSeconds = Random.Next(3000),
                        NoticeSeconds = Random.Next(2) * Random.Next(200),
                        Nodes = 3,
                    },
                    _ => null,
                },
                Maintenance = plays < 8 && Random.Next(2) == 0 ? null : new MaintenanceScenario
                {
                    AfterSeconds = Random.Next(3000),
                    NoticeSeconds = Random.Next(2) * Random.Next(200),
                    ForSeconds = Random.Next(2) == 0 ? Random.Next(30) : Random.Next(3000),
                    Nodes = 3,
                },
            };
        }

        return JsonSerializer.Serialize(
            new Scenario
            {
                CreateSeconds = Random.Next(1, 300),
                OperationLagSeconds = Random.Next(2) * Random.Next(200),
                DeleteSeconds = Random.Next(10) == 0 ? 20000 : Random.Next(1, 200),
                QueueSeconds = Random.Next(1, 400),
                Zones = zones,
                Regions = Spec.Tpu.Zones.Where(_ => Random.Next(10) == 0).Select(zone => zone[..^2]).Distinct()
                    .ToDictionary(region => region, _ => new RegionScenario
                    {
                        Quota = new Dictionary<string, int>
                        {
                            ["TPUV5sLitepodServingPerProjectPerRegionForTPUAPI"] = Random.Next(3) * 4,
                        },
                    }),
            },
            Json);
    }
}
