using Microsoft.DurableTask;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Moves;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Activities.Training;
using Workflows.Capacity.Bench.Markets;
using Workflows.Capacity.Bench.Policies;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.Orchestrations;

namespace Workflows.Capacity.Bench.Product;

/// <summary>Ways in which the product is asked to do a job.</summary>
internal enum ProductRequest
{
    /// <summary>Every zone, with a deadline and a change to on-demand nodes.</summary>
    Deadline,

    /// <summary>Every zone, cheapest first, spot for ever.</summary>
    CheapestSpot,

    /// <summary>The cheapest zone alone, spot for ever.</summary>
    FirstZone,
}

/// <summary>
/// Runs a job by the product: its orchestrators, activities, clients and emulated cloud, on a virtual clock.
/// </summary>
internal sealed class ProductRun : IDisposable
{
    private const string Project = "simulation";

    private readonly string _folder;
    private readonly VirtualClock _clock = new(SpotWorld.Start);
    private readonly SpotJob _job;
    private readonly RunSpec _spec;
    private readonly EmulatedCloud _cloud;
    private readonly InProcessCloud _calls;
    private readonly RunLedger _ledger;
    private readonly ModelledWorkers _workers;
    private readonly Dictionary<string, ITaskActivity> _activities;
    private readonly Dictionary<string, MarketZone> _zones;
    private InlineRunner? _runner;

    private ProductRun(SpotWorld world, SpotJob job, ProductRequest request, string folder)
    {
        (_job, _folder) = (job, folder);
        _zones = world.Zones.ToDictionary(zone => zone.Name, StringComparer.Ordinal);
        _spec = SpecOf(world, job, request);
        _cloud = new EmulatedCloud(
            new EmulatorOptions
            {
                StateDirectory = Path.Combine(folder, "emulator"),
                DefaultScenario = $$"""{"createSeconds": {{SpotJob.Create:0}}, "deleteSeconds": 1}""",
            },
            _clock, NullLogger<EmulatedCloud>.Instance, world);
        _calls = new InProcessCloud(_cloud);
        _ledger = new RunLedger(folder, _clock);
        var memory = new CapacityMemory(folder, _clock);
        foreach (var place in PlaceList.OnDemand(PriceCatalog.Load(null), _spec))
        {
            // As after an earlier run: the other policies know how long a node takes, too.
            memory.RememberWait(Project, place, SpotJob.Create);
        }

        _workers = new ModelledWorkers(job, _cloud, _ledger, _clock);
        var foresight = new WorkForesight(_ledger, memory, _clock);
        var moves = new MoveAdvice(_ledger, memory, foresight, _clock);
        var secrets = new NodeSecrets(folder);
        _activities = new Dictionary<string, ITaskActivity>(StringComparer.Ordinal)
        {
            [Stages.CreateNode] = new CreateNodeActivity(
                _calls, _ledger, memory, secrets,
                new WorkerBootstrap(new Uri("http://127.0.0.1:1"), "image", "#!/bin/sh"), _workers, _clock,
                new PricePatience(_ledger, memory, foresight, _clock)),
            [Stages.ObserveNode] = new ObserveNodeActivity(_calls, _ledger, memory, _workers, _clock),
            [Stages.EndAttempt] = new EndAttemptActivity(_ledger, memory),
            [Stages.DispatchJob] = new DispatchJobActivity(_workers, _ledger, _clock),
            [Stages.ObserveJob] = new ObserveJobActivity(_calls, _workers, _ledger, _clock, foresight, memory,
                moves),
            [Stages.RecordMove] = new RecordMoveActivity(_ledger),
            [Stages.StopJob] = new StopJobActivity(_workers),
            [Stages.ReleaseNode] = new ReleaseNodeActivity(_calls, _ledger, _workers),
            [Stages.ReleaseAll] = new ReleaseAllActivity(_calls, _ledger, _workers, secrets),
            [Stages.RecordLoss] = new RecordLossActivity(_ledger),
            [Stages.Outlook] = new OutlookActivity(foresight, _ledger, _clock, memory),
            [Stages.RecordSwitch] = new RecordSwitchActivity(_ledger),
        };
    }

    /// <summary>Runs a job.</summary>
    /// <param name="world">The market.</param>
    /// <param name="job">The job.</param>
    /// <param name="request">The way to ask.</param>
    public static async Task<JobOutcome> RunAsync(SpotWorld world, SpotJob job, ProductRequest request)
    {
        // Memory, where there is a file system in it: the product writes each fact to the disk.
        var root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        var folder = Directory.CreateDirectory(Path.Combine(root, $"capacity-{Guid.NewGuid():N}")).FullName;
        try
        {
            using var run = new ProductRun(world, job, request, folder);
            return await run.WorkAsync();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _calls.Dispose();
        _cloud.Dispose();
    }

    private async Task<JobOutcome> WorkAsync()
    {
        var plan = PlanOf();
        _ledger.Append(_spec.RunId, LedgerKinds.Plan, "plan", plan);
        var runner = new InlineRunner(
            _clock, AnswerAsync, name => name == RunEvents.JobEnded ? _workers.DoneAt : null);
        _runner = runner;
        var limit = SpotWorld.Start.AddSeconds(_job.Limit);
        TpuWorkResult? result = null;
        var doneAt = double.PositiveInfinity;
        await runner.RunAsync(
            async () =>
            {
                result = await InlineContext.RunAsync(
                    runner, $"{_spec.RunId}:train", () => new TpuWorkOrchestration(),
                    new TpuWorkInput(
                        JobKind.Train, _spec, plan, new PreparedData("", "", 1, 1, new Dictionary<string, int>()),
                        null, 1));
                if (result.Failure is null)
                {
                    doneAt = (_clock.GetUtcNow() - SpotWorld.Start).TotalSeconds;
                }
            },
            limit);

        // The run may have been given up in the middle: its teardown follows all the same, as after a person's end.
        await runner.RunAsync(
            () => InlineContext.RunAsync(
                runner, $"{_spec.RunId}:teardown", () => new TeardownOrchestration(), _spec),
            DateTimeOffset.MaxValue);
        var billed = _cloud.Billed().OrderBy(time => time.From).ToList();
        var usd = billed.Sum(time => (time.To - time.From).TotalHours * PriceOf(time));
        var times = default(JobTimes);
        var until = SpotWorld.Start;
        foreach (var time in billed)
        {
            var seconds = Math.Max(0, (time.To - time.From).TotalSeconds);
            var twice = Math.Clamp((until - time.From).TotalSeconds, 0, seconds);
            times = times.And(time.IsSpot, seconds, seconds / 3600 * PriceOf(time));
            times = times with { Double = times.Double + twice };
            until = time.To > until ? time.To : until;
        }

        return new JobOutcome(usd, doneAt, billed.Count, _cloud.Occupied().Count) { Times = times };
    }

    private double PriceOf(BilledTime time)
    {
        var zone = _zones[time.NodeName.Split('/')[3]];
        return time.IsSpot ? zone.SpotUsd : zone.OnDemandUsd;
    }

    private async Task<object?> AnswerAsync(InlineContext context, string name, object? input) => name switch
    {
        nameof(AcquireTpuOrchestration) => await InlineContext.RunAsync(
            _runner!, context.InstanceId + ":acquire", () => new AcquireTpuOrchestration(), (AcquireInput)input!),
        _ => await _activities[name].RunAsync(new ActivityContext(name, context.InstanceId), input),
    };

    /// <summary>Weights of an adapter of rank 16 for all projections of Gemma 3 1B, 13 million.</summary>
    private const double TrainedWeights = 13e6;

    private RunPlan PlanOf()
    {
        var places = PlaceList.Of(PriceCatalog.Load(null), _spec);
        var onDemand = PlaceList.OnDemand(PriceCatalog.Load(null), _spec).OrderBy(place => place.UsdPerHour).ToList();
        return new RunPlan([.. places.OrderBy(place => place.UsdPerHour)], 1, _job.Work)
        {
            Time = new TimeEstimate(_job.Restart, _job.Work, 0, 1e9, 1, 1, 1, "simulated")
            {
                Source = EstimateSource.Measured,
                CheckpointSeconds = CheckpointCadence.SecondsOf(_spec, TrainedWeights),
            },
            OnDemand = onDemand.Count > 0 ? onDemand : null,
        };
    }

    private sealed class ActivityContext(string name, string instance) : TaskActivityContext
    {
        public override TaskName Name => name;

        public override string InstanceId => instance;
    }

    private static RunSpec SpecOf(SpotWorld world, SpotJob job, ProductRequest request) => new()
    {
        RunId = new RunId("job"),
        Name = "job",
        Project = Project,
        Direction = RunDirection.KoToEn,
        Model = "model",
        Data = new DataSpec { Train = "train" },
        BudgetUsd = 1e9,
        Deadline = request == ProductRequest.Deadline ? SpotWorld.Start.AddSeconds(job.Deadline) : null,
        Tpu = new TpuSpec
        {
            AcceleratorTypes = [SpotWorld.AcceleratorType],
            Zones = request == ProductRequest.FirstZone
                ? [world.Zones.MinBy(zone => zone.SpotUsd)!.Name] : [.. world.Zones.Select(zone => zone.Name)],
            Fallback = request == ProductRequest.Deadline ? SpotFallback.OnDemand : SpotFallback.None,
            Move = request == ProductRequest.Deadline ? MoveChoice.Cheaper : MoveChoice.None,
            AcquireTimeoutSeconds = job.Limit * 2,
        },
        Training = new TrainingSpec
        {
            Steps = (int)(job.Work / ModelledWorkers.StepSeconds),
            CheckpointEverySteps = (int)(SpotJob.Checkpoint / ModelledWorkers.StepSeconds),
            Method = "lora",
        },
        Pace = new PaceSpec { PollSeconds = SpotJob.Poll },
    };
}
