using Google.Protobuf;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Converters;
using Microsoft.DurableTask.Protobuf;
using Microsoft.DurableTask.Worker.Grpc;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Handover;
using Workflows.Activities.Moves;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Resuming;
using Workflows.Activities.Teardown;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.DurableTask.Sidecar;
using Workflows.DurableTask.Sidecar.Engine;
using Workflows.DurableTask.Sidecar.Storage;
using Workflows.Orchestrations;
using Workflows.Service.Workers;
using TaskFailureDetails = Microsoft.DurableTask.Protobuf.TaskFailureDetails;

namespace Workflows.Capacity.Tests.Chaos;

/// <summary>
/// The service of one process: the engine, every activity and the book of jobs, all of them opened from the state
/// folder. Another one takes over after a crash.
/// </summary>
internal sealed class ChaosService : IDisposable
{
    public const string Hub = "hub";

    private static readonly JsonDataConverter Json = JsonDataConverter.Default;

    private readonly Dictionary<string, ITaskActivity> _activities;
    private readonly InputWork _inputs;

    private ChaosService(string folder, TimeProvider clock, ITpuCloud cloud, TimeEstimate? known)
    {
        Ledger = new RunLedger(folder, clock);
        Secrets = new NodeSecrets(folder);
        Jobs = new JobBook(Ledger, new MetricsLog(Ledger, clock), clock);
        var memory = new CapacityMemory(folder, clock);
        var foresight = new WorkForesight(Ledger, memory, clock);
        var moves = new MoveAdvice(Ledger, memory, foresight, clock);
        var catalog = PriceCatalog.Load(null);
        var bootstrap = new WorkerBootstrap(new Uri("http://127.0.0.1:1"), "image", "#!/bin/sh");

        // Its limits are for files that hang, which is not played here.
        _inputs = new InputWork(Ledger, InputLimits.Default, TimeProvider.System);
        _activities = new Dictionary<string, ITaskActivity>(StringComparer.Ordinal)
        {
            [Stages.Plan] = new KnownPlan(new PlanActivity(catalog, Ledger, _inputs, clock: clock), Ledger, known),
            [Stages.PrepareData] = new PrepareDataActivity(Ledger, _inputs),
            [Stages.CreateNode] = new CreateNodeActivity(cloud, Ledger, memory, Secrets, bootstrap, Jobs, clock,
                new PricePatience(Ledger, memory, foresight, clock)),
            [Stages.ObserveNode] = new ObserveNodeActivity(cloud, Ledger, memory, Jobs, clock),
            [Stages.EndAttempt] = new EndAttemptActivity(Ledger, memory),
            [Stages.DispatchJob] = new DispatchJobActivity(Jobs, Ledger, clock),
            [Stages.ObserveJob] = new ObserveJobActivity(cloud, Jobs, Ledger, clock, foresight, memory, moves),
            [Stages.RecordMove] = new RecordMoveActivity(Ledger),
            [Stages.StopJob] = new StopJobActivity(Jobs),
            [Stages.ReleaseNode] = new ReleaseNodeActivity(cloud, Ledger, Jobs),
            [Stages.ReleaseAll] = new ReleaseAllActivity(cloud, Ledger, Jobs, Secrets),
            [Stages.RecordLoss] = new RecordLossActivity(Ledger),
            [Stages.Outlook] = new OutlookActivity(foresight, Ledger, clock, memory),
            [Stages.RecordSwitch] = new RecordSwitchActivity(Ledger),
            [Stages.Score] = new ScoreActivity(Ledger),
            [Stages.Report] = new ReportActivity(Ledger, clock),
            [Stages.EnterStage] = new EnterStageActivity(Ledger),
            [Stages.Announce] = new AnnounceActivity([], Ledger),
            [Stages.Resume] = new ResumeActivity(Ledger, _inputs, clock),
            [Stages.OpenVariants] = new OpenVariantsActivity(Ledger, _inputs, clock),
            [Stages.PlanVariants] = new PlanVariantsActivity(
                new RunPlanner(
                    catalog, memory, Ledger, new RunArtifacts(Ledger), inputs: _inputs, clock: clock), _inputs),
            [Stages.BeginVariant] = new BeginVariantActivity(Ledger, clock),
            [Stages.EndVariant] = new EndVariantActivity(Ledger, clock),
            [Stages.CompareVariants] = new CompareVariantsActivity(Ledger, clock),
            [Stages.OfferNode] = new OfferNodeActivity(cloud, Ledger, Jobs),
            [Stages.HandNode] = new HandNodeActivity(Ledger, Jobs),
            [Stages.AcceptNode] = new AcceptNodeActivity(Ledger, Jobs),
        };
        Engine = new TaskHubEngine(
            TaskHubStore.Open(Path.Combine(folder, "taskhub.db"), NullLogger.Instance),
            new TaskHubSidecarOptions { DataDirectory = folder }, clock, NullLogger.Instance);
    }

    public RunLedger Ledger { get; }

    public NodeSecrets Secrets { get; }

    public JobBook Jobs { get; }

    public TaskHubEngine Engine { get; }

    public WorkerSession Session { get; private set; } = null!;

    /// <summary>Starts the service.</summary>
    /// <param name="folder">The state.</param>
    /// <param name="clock">The virtual clock.</param>
    /// <param name="cloud">The cloud.</param>
    /// <param name="known">The time that runs take, if an earlier one has measured it; else null.</param>
    public static async Task<ChaosService> StartAsync(
        string folder, TimeProvider clock, ITpuCloud cloud, TimeEstimate? known)
    {
        var service = new ChaosService(folder, clock, cloud, known);
        service.Session = await service.Engine.Work.ConnectAsync(Hub, new GetWorkItemsRequest
        {
            MaxConcurrentOrchestrationWorkItems = 100,
            MaxConcurrentActivityWorkItems = 100,
        });
        return service;
    }

    public Task StartRunAsync(RunSpec spec) => Engine.StartAsync(Hub, new CreateInstanceRequest
    {
        InstanceId = $"{spec.RunId}",
        Name = spec.Variants is null ? nameof(FineTuneOrchestration) : nameof(VariantsOrchestration),
        Version = FineTuneOrchestration.Version,
        Input = Json.Serialize(spec),
    });

    public Task RaiseAsync(string instance, string name, string payload) => Engine.RaiseAsync(Hub, new RaiseEventRequest
    {
        InstanceId = instance,
        Name = name,
        Input = Json.Serialize(payload),
    });

    /// <summary>Returns the run's outcome; null while it is under way.</summary>
    /// <exception cref="InvalidOperationException">The orchestration itself failed.</exception>
    public async Task<RunOutcome?> OutcomeAsync(RunId runId)
    {
        var state = (await Engine.GetAsync(
            Hub, new GetInstanceRequest { InstanceId = $"{runId}", GetInputsAndOutputs = true })).OrchestrationState;
        return state.OrchestrationStatus switch
        {
            OrchestrationStatus.Completed => (RunOutcome?)Json.Deserialize(state.Output, typeof(RunOutcome)),
            OrchestrationStatus.Failed => throw new InvalidOperationException(
                $"The orchestration failed: {state.FailureDetails?.ErrorMessage}"),
            _ => null,
        };
    }

    /// <summary>Runs an episode: the official runner replays its whole history, as after every restart.</summary>
    public static OrchestratorResponse Decide(WorkItem item)
    {
        var request = item.OrchestratorRequest;
        var start = request.PastEvents.Concat(request.NewEvents)
            .First(each => each.ExecutionStarted is not null).ExecutionStarted;
        var rows = OrchestrationRegistration.Orchestrators.Where(row => row.Name == start.Name).ToList();
        var row = rows.Count == 1 ? rows[0] : rows.Single(each => each.Version == start.Version);
        var answer = OrchestratorResponse.Parser.ParseFrom(Convert.FromBase64String(GrpcOrchestrationRunner.LoadAndRun(
            Convert.ToBase64String(request.ToByteArray()), row.Create())));
        answer.InstanceId = request.InstanceId;
        answer.CompletionToken = item.CompletionToken;
        return answer;
    }

    /// <summary>Runs an activity.</summary>
    public async Task<ActivityResponse> DoAsync(WorkItem item)
    {
        var request = item.ActivityRequest;
        var activity = _activities[request.Name];
        var answer = new ActivityResponse
        {
            InstanceId = request.OrchestrationInstance.InstanceId,
            TaskId = request.TaskId,
            CompletionToken = item.CompletionToken,
        };
        try
        {
            answer.Result = Json.Serialize(await activity.RunAsync(
                new Context(request.Name, answer.InstanceId), Json.Deserialize(InputOf(request), activity.InputType)));
        }
        catch (Exception exception)
        {
            answer.FailureDetails = new TaskFailureDetails
            {
                ErrorType = exception.GetType().FullName,
                ErrorMessage = exception.Message,
                StackTrace = exception.StackTrace,
            };
        }

        return answer;
    }

    public Task CompleteAsync(OrchestratorResponse answer) => Engine.Work.CompleteEpisodeAsync(Hub, answer);

    public Task CompleteAsync(ActivityResponse answer) => Engine.Work.CompleteActivityAsync(Hub, answer);

    /// <summary>Returns when the engine has done all that it was asked before, and what followed from it.</summary>
    public async Task SettleAsync()
    {
        // A read is answered after the commit of what came before it; what follows a commit is asked right behind it.
        for (var round = 0; round < 3; round++)
        {
            await Engine.LiveHistoryAsync(Hub, "-");
        }
    }

    /// <summary>Stops without finishing anything that was handed out.</summary>
    public async Task CrashAsync()
    {
        await Engine.StopAsync();
        Dispose();
    }

    /// <inheritdoc />
    public void Dispose() => _inputs.Dispose();

    /// <summary>Returns an activity's input, which is an array with one member on the wire.</summary>
    private static string InputOf(ActivityRequest request) =>
        request.Input is ['[', .. var input, ']'] ? input : request.Input;

    /// <summary>Plans with known times in place of guesses, which know nothing of the modelled workers.</summary>
    private sealed class KnownPlan(PlanActivity plans, RunLedger ledger, TimeEstimate? known)
        : TaskActivity<RunSpec, RunPlan>
    {
        public override async Task<RunPlan> RunAsync(TaskActivityContext context, RunSpec input)
        {
            var plan = await plans.RunAsync(context, input);
            if (known is not null)
            {
                plan = plan with { Time = known, EstimatedSeconds = known.Total };
                ledger.Append(input.RunId, LedgerKinds.Plan, "known", plan);
            }

            return plan;
        }
    }

    private sealed class Context(string name, string instance) : TaskActivityContext
    {
        public override TaskName Name => name;

        public override string InstanceId => instance;
    }
}
