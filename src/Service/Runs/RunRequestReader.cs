using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>Reads, checks and completes requests.</summary>
public static partial class RunRequestReader
{
    /// <summary>Most levels of a request's JSON.</summary>
    private const int MostDepth = 16;

    /// <summary>Some seconds: no run is of use in less.</summary>
    private const double LeastHours = 0.001;

    /// <summary>A month, in seconds; chosen to be longer than any useful wait.</summary>
    private const double MostAcquireSeconds = 30 * 24 * 3600;

    /// <summary>Intervals and deadlines for the emulator, where everything takes seconds.</summary>
    private static readonly PaceSpec RehearsalPace = new()
    {
        PollSeconds = 0.5,
        SilenceSeconds = 20,
        BootSeconds = 60,
        RoundPauseSeconds = 2,
    };

    /// <summary>Options that refuse duplicate fields, of which one would be ignored silently.</summary>
    private static readonly JsonSerializerOptions Strict = new(RunLedger.Json)
    {
        AllowDuplicateProperties = false,
        MaxDepth = MostDepth,
    };

    /// <summary>Parses JSON into a request.</summary>
    /// <param name="json">The text.</param>
    /// <returns>The request.</returns>
    /// <exception cref="RunRequestException">Not JSON, an unknown field, or a value of the wrong kind.</exception>
    public static RunRequest Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<RunRequest>(json, Strict)
                ?? throw new RunRequestException([new("$", "The request is null.", "Send a JSON object.")]);
        }
        catch (JsonException exception)
        {
            var unknown = UnknownFields.Of(json, MostDepth);
            throw new RunRequestException(unknown.Count > 0 ? unknown : [JsonFault.Of(exception)]);
        }
    }

    /// <summary>Checks a request and fills in the defaults.</summary>
    /// <param name="request">The request.</param>
    /// <param name="runId">Id to use if the request has none.</param>
    /// <param name="catalog">The known accelerator types and zones.</param>
    /// <returns>The run.</returns>
    /// <exception cref="RunRequestException">The request is wrong; every fault is listed.</exception>
    public static RunSpec Complete(RunRequest request, RunId runId, PriceCatalog catalog) =>
        Complete(request, runId, catalog, InputRoots.Anywhere);

    /// <summary>Checks a request that may come from another machine.</summary>
    internal static RunSpec Complete(RunRequest request, RunId runId, PriceCatalog catalog, InputRoots roots) =>
        Complete(request, runId, catalog, new RequestCheck(roots));

    /// <summary>Completes a request whose files may have been removed since it was first made.</summary>
    internal static RunSpec CompleteWithoutFiles(
        RunRequest request, RunId runId, PriceCatalog catalog) =>
        Complete(request, runId, catalog, new RequestCheck(roots: null));

    private static RunSpec Complete(
        RunRequest request, RunId runId, PriceCatalog catalog, RequestCheck check)
    {
        TextLimits.Require(request);
        return request.Variants is null
            ? CompleteOne(request, runId, catalog, check)
            : VariantReader.Complete(
                request, runId, check, (one, id, its) => CompleteOne(one, id, catalog, its));
    }

    private static RunSpec CompleteOne(
        RunRequest request, RunId runId, PriceCatalog catalog, RequestCheck check)
    {
        VariantReader.RequireNone(request, check);
        var id = Id(request, check) ?? runId;
        var isRehearsal = request.Rehearsal is not null;
        check.That(isRehearsal || !string.IsNullOrWhiteSpace(request.Project), "project",
            "No project is named, and the run is not a rehearsal.",
            "Name the Google Cloud project that pays, or add \"rehearsal\": {}.");
        var direction = check.OneOf<RunDirection>(request.Direction, "direction");
        var prompt = check.OneOf(request.Prompt, "prompt", "translategemma", "brief");
        var template = check.OneOf(request.PromptTemplate, "promptTemplate", "auto", "chat", "plain");
        var model = check.Folder(request.Model, "model", "config.json", "tokenizer.json");
        check.That(request.Data is not null, "data", "There is no corpus.",
            "Add \"data\": {\"train\": \"pairs.tsv\"}.");
        var train = check.Pairs(request.Data?.Train, "data.train", isNeeded: request.Data is not null);
        var test = check.Pairs(request.Data?.Test, "data.test", isNeeded: false);
        var validation = check.Pairs(request.Data?.Validation, "data.validation", isNeeded: false);
        check.That(validation is null || request.Training?.Validation is not null, "data.validation",
            "The training does not validate.", "Add \"training\": {\"validation\": {}}, or leave the file out.");
        var fraction = check.InRange(request.Data?.TestFraction ?? 0.1, "data.testFraction", 0.001, 0.5);
        var maxTest = check.InRange(
            request.Data?.MaxTestPairs ?? 500, "data.maxTestPairs", PrepareDataActivity.LeastTest, 100_000);
        var types = request.Tpu?.AcceleratorTypes ?? [];
        check.That(types.Count > 0, "tpu.acceleratorTypes", "No accelerator type is named.",
            "Add \"tpu\": {\"acceleratorTypes\": [\"v5litepod-8\"]}.");
        string[] known = [.. catalog.AcceleratorTypes];
        foreach (var type in types.Where(type => !known.Contains(type)))
        {
            check.That(false, "tpu.acceleratorTypes", $"{Quoted(type)} is not in the price catalog.",
                $"Use one of: {string.Join(", ", known)}.");
        }

        var provisioning = check.OneOf<ProvisioningMode>(request.Tpu?.Provisioning, "tpu.provisioning");
        foreach (var zone in request.Tpu?.Zones ?? [])
        {
            check.That(zone is not null && Zone().IsMatch(zone), "tpu.zones", $"{Quoted(zone)} is not a zone.",
                "Use names such as us-west4-a.");
            check.That(
                zone is null || !Zone().IsMatch(zone) || request.Tpu?.AllowUnknownZones == true
                    || catalog.Zones.Contains(zone),
                "tpu.zones", $"{Quoted(zone)} is no zone of the price catalog.",
                $"{NearestName.Ask(zone ?? "", catalog.Zones)}For a zone that is new, add "
                + "\"tpu\": {\"allowUnknownZones\": true}; it is priced as the dearest.");
        }

        var timeout = check.InRange(
            request.Tpu?.AcquireTimeoutSeconds ?? (isRehearsal ? 300 : 6 * 3600), "tpu.acquireTimeoutSeconds", 1,
            MostAcquireSeconds);

        var budget = check.InRange(request.BudgetUsd ?? 10, "budgetUsd", 0.01, 1_000_000);
        double? maxHours = request.MaxHours is { } hours
            ? check.InRange(hours, "maxHours", LeastHours, MostAcquireSeconds / 3600) : null;
        double? maxUsdPerHour = request.Tpu?.MaxUsdPerHour is { } price
            ? check.InRange(price, "tpu.maxUsdPerHour", 0.01, 1_000_000) : null;
        var maxPreemptions = check.InRange(request.Tpu?.MaxPreemptions ?? 50, "tpu.maxPreemptions", 0, 10_000);
        var maxFailures = check.InRange(request.Tpu?.MaxFailures ?? 5, "tpu.maxFailures", 0, 1000);
        var way = FlexStartReader.ReadWay(request.Tpu, provisioning, check);
        var maxRunHours = FlexStartReader.ReadMaxRunHours(request.Tpu, provisioning, LeastHours, check);
        var queueSeconds = check.InRange(
            request.Tpu?.QueueSeconds ?? (isRehearsal ? 30 : 3600), "tpu.queueSeconds", 1, MostAcquireSeconds);
        var deadline = DeadlineReader.Read(request.Deadline, check);
        var stopsAtDeadline = DeadlineReader.ReadStop(request, check);
        var fallback = DeadlineReader.ReadFallback(request, provisioning, check);
        var move = DeadlineReader.ReadMove(request, provisioning, check);
        var order = check.OneOf<PlaceOrder>(request.Tpu?.Order, "tpu.order");
        check.Scenario(request.Rehearsal?.Scenario, "rehearsal.scenario");
        var training = TrainingReader.Read(request.Training, check);
        var evaluation = TrainingReader.Read(request.Evaluation, direction, check);
        var spec = new RunSpec
        {
            RunId = id,
            Name = check.Line(request.Name, "name") ?? id.Value,
            Project = isRehearsal ? SweepRecord.RehearsalProject(id) : check.Line(request.Project, "project") ?? "",
            Direction = direction,
            Model = model,
            Prompt = prompt,
            PromptTemplate = template,
            Data = new DataSpec
            {
                Train = train ?? "",
                Test = test,
                TestFraction = fraction,
                MaxTestPairs = maxTest,
                Validation = validation,
            },
            Tpu = new TpuSpec
            {
                AcceleratorTypes = types,
                Zones = request.Tpu?.Zones ?? [],
                Order = request.Tpu?.Order is null ? DefaultOrder(request.Tpu?.Zones) : order,
                Provisioning = provisioning,
                RuntimeVersion = check.Line(request.Tpu?.RuntimeVersion, "tpu.runtimeVersion"),
                AcquireTimeoutSeconds = timeout,
                MaxUsdPerHour = maxUsdPerHour,
                MaxPreemptions = maxPreemptions,
                MaxFailures = maxFailures,
                Request = way,
                QueueSeconds = way == RequestWay.QueuedResource ? queueSeconds : 0,
                MaxRunHours = maxRunHours,
                Fallback = fallback,
                Move = move,
                Network = check.Line(request.Tpu?.Network, "tpu.network"),
                Subnetwork = check.Line(request.Tpu?.Subnetwork, "tpu.subnetwork"),
                ServiceAccount = check.Line(request.Tpu?.ServiceAccount, "tpu.serviceAccount"),
                WithoutExternalIp = request.Tpu?.ExternalIp == false,
            },
            Training = training,
            Evaluation = evaluation,
            BudgetUsd = budget,
            MaxHours = maxHours,
            Deadline = deadline,
            StopsAtDeadline = stopsAtDeadline,
            AllowOverBudget = request.AllowOverBudget ?? false,
            Approval = Approval(request.Approval, check),
            AllowHostProcessor = request.AllowHostProcessor ?? false,
            IsRehearsal = isRehearsal,
            Pace = isRehearsal ? RehearsalPace : new PaceSpec(),
        };
        check.ThrowIfAny();
        return spec;
    }

    /// <summary>Returns the order in which the places of a request without one are tried: zones that are named are
    /// tried as they are listed.</summary>
    private static PlaceOrder DefaultOrder(IReadOnlyList<string>? zones) =>
        zones is { Count: > 0 } ? PlaceOrder.Listed : PlaceOrder.Cost;

    private static ApprovalSpec? Approval(ApprovalRequest? asked, RequestCheck check) => asked is null ? null
        : new ApprovalSpec(
            check.InRange(asked.WithinHours ?? 24, "approval.withinHours", LeastHours, MostAcquireSeconds / 3600))
        {
            AboveUsd = asked.AboveUsd is { } usd ? check.InRange(usd, "approval.aboveUsd", 0, 1_000_000) : null,
        };

    private static RunId? Id(RunRequest request, RequestCheck check)
    {
        var isRight = RunId.TryParse(request.Id, out var id);
        check.That(isRight || request.Id is null, "id", $"'{request.Id}' is not a run id.",
            "Use up to 40 lower-case letters, digits and dashes, beginning with a letter.");
        return isRight ? id : null;
    }

    private static string Quoted(string? text) => text is null ? "null" : $"'{text}'";

    // "$" would also match before a line break at the end.
    [GeneratedRegex(@"^[a-z]+-[a-z]+[0-9]+-[a-z0-9]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Zone();
}
