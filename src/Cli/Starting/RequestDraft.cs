using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Translation.Corpora;

namespace Workflows.Cli.Starting;

/// <summary>The answers that were given as options; null for those that are not.</summary>
internal sealed record InitAnswers(
    string? Model, string? Train, string? Test, string? Direction, string? Project, double? BudgetUsd);

/// <summary>Makes a request file of a few answers, and proves by the service's checks that it can be used.</summary>
internal static class RequestDraft
{
    private const string OtherModel = "hf://google/gemma-3-270m-it", Accelerator = "v5litepod-8";

    private const int BatchSize = 16, Passes = 3, LeastSteps = 50, MostSteps = 2000;

    private const int MaxLength = 512;

    /// <summary>A smaller tokenizer has so few tokens that the wording of TranslateGemma takes hundreds of
    /// them.</summary>
    private const long SmallTokenizer = 1 << 20;

    private const double DefaultBudget = 10;

    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes the file, whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="given">Answers that were given.</param>
    /// <param name="questions">Asks for the others; null to take the proposals.</param>
    /// <param name="isForced">true to replace an existing file.</param>
    /// <returns>The request in a few words.</returns>
    /// <exception cref="CommandException">The file exists, or the answers make no request that can be used.</exception>
    public static string Write(string path, InitAnswers given, Questions? questions, bool isForced)
    {
        if (Directory.Exists(path) || (File.Exists(path) && !isForced))
        {
            throw Invalid(Directory.Exists(path)
                ? $"'{path}' is a folder: name a file." : $"'{path}' is there already; --force replaces it.");
        }

        var whole = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(whole)!;
        if (!Directory.Exists(folder))
        {
            throw Invalid($"There is no folder '{folder}'.");
        }

        var found = FoundCorpora.In(folder);
        var train = given.Train ?? TrainOf(found, folder, questions);
        var test = given.Test ?? TestOf(found, train, folder, given.Train is not null);
        var model = given.Model ?? Asked(
            questions, "Model: a folder, gs://BUCKET/PREFIX or hf://ORG/NAME",
            FoundCorpora.ModelIn(folder) is { } near ? Shown(near, folder) : OtherModel);
        var direction = given.Direction ?? Asked(
            questions, $"Direction ({string.Join(", ", WireName.All<RunDirection>())})",
            WireName.Of(RunDirection.KoToEn), WireName.All<RunDirection>());
        var project = given.Project ?? Asked(
            questions, "Google Cloud project that pays, or 'rehearsal', which costs nothing", "rehearsal");
        var isRehearsal = project is "rehearsal" or "";
        var budget = given.BudgetUsd ?? (isRehearsal || questions is null ? DefaultBudget : double.Parse(
            questions.Ask("Budget in USD", $"{DefaultBudget:0}", text => double.TryParse(
                text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var usd) && usd > 0
                ? null : "Give a number such as 10."), CultureInfo.InvariantCulture));
        var pairs = found.FirstOrDefault(each => Shown(each.Path, folder) == train)?.Pairs;
        var request = new JsonObject
        {
            ["direction"] = direction,
            ["model"] = model,
            ["data"] = test is null
                ? new JsonObject { ["train"] = train } : new JsonObject { ["train"] = train, ["test"] = test },
            ["tpu"] = new JsonObject
            {
                ["acceleratorTypes"] = new JsonArray(Accelerator),
                ["provisioning"] = WireName.Of(ProvisioningMode.Spot),
            },
            ["training"] = new JsonObject
            {
                ["steps"] = StepsOf(pairs),
                ["batchSize"] = BatchSize,
                ["method"] = "lora",
                ["learningRate"] = 0.0002,
                ["maxLength"] = MaxLength,
            },
            ["budgetUsd"] = budget,
        };
        var tokenizer = new FileInfo(Path.Combine(folder, model, "tokenizer.json"));
        if (tokenizer.Exists && tokenizer.Length < SmallTokenizer)
        {
            request["prompt"] = "brief";
        }

        request[isRehearsal ? "rehearsal" : "project"] = isRehearsal ? new JsonObject() : project;
        Save(whole, request.ToJsonString(Readable) + "\n");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{(isRehearsal ? "a rehearsal" : $"a run that '{project}' pays for, at most {budget:0.##} USD")}, "
            + $"{(pairs is { } count ? $"{count} pairs" : "pairs")} of {train}, {StepsOf(pairs)} steps");
    }

    private static string TrainOf(IReadOnlyList<FoundCorpus> found, string folder, Questions? questions)
    {
        var proposed = found.FirstOrDefault(each => !FoundCorpora.IsHeldOut(each))
            ?? (found.Count > 0 ? found[0] : null);
        if (questions is null)
        {
            return proposed is not null ? Shown(proposed.Path, folder) : throw Invalid(
                $"There is no file of pairs in '{folder}' ({CorpusReader.KnownEndings}): name one with --data-train.");
        }

        var list = string.Concat(found.Take(10).Select(each => $"\n  {Shown(each.Path, folder)}: "
            + $"{each.Pairs?.ToString("N0", CultureInfo.InvariantCulture) ?? "many"} pairs"));
        return questions.Ask(
            found.Count == 0 ? "Training pairs (a file or folder)" : $"Files of pairs here:{list}\nTraining pairs",
            proposed is null ? null : Shown(proposed.Path, folder),
            answer => answer.Length > 0 ? null : "Name a file or folder of pairs, or an address.");
    }

    /// <summary>Proposes the test file beside the training file that the folder has.</summary>
    private static string? TestOf(
        IReadOnlyList<FoundCorpus> found, string train, string folder, bool isTrainGiven) =>
        isTrainGiven ? null : found.FirstOrDefault(each => FoundCorpora.IsHeldOut(each)
            && Shown(each.Path, folder) is var name && name != train
            && Path.GetDirectoryName(name) == Path.GetDirectoryName(train)
            && Path.GetFileName(name).Contains("test", StringComparison.OrdinalIgnoreCase)) is { } test
            ? Shown(test.Path, folder) : null;

    private static string Asked(
        Questions? questions, string question, string proposal, IReadOnlyList<string>? words = null) =>
        questions?.Ask(question, proposal, answer => words is null || words.Contains(answer)
            ? null : $"Use {string.Join(", ", words)}.") ?? proposal;

    /// <summary>Returns the steps of a few passes, within what suits a first run.</summary>
    private static int StepsOf(int? pairs) => pairs is { } count
        ? Math.Clamp((int)Math.Ceiling((double)count * Passes / BatchSize), LeastSteps, MostSteps) : 400;

    /// <summary>Checks the request as a service would, from a file beside, and renames that.</summary>
    private static void Save(string path, string json)
    {
        var aside = path + ".new";
        try
        {
            File.WriteAllText(aside, json);
            RunRequestReader.Complete(
                RunRequestReader.Parse(RequestFile.Read(aside, null, null)), new RunId("init"),
                PriceCatalog.Load(null));
            File.Move(aside, path, overwrite: true);
        }
        catch (RunRequestException exception)
        {
            throw Invalid("The answers make no request that can be run; nothing was written." + string.Concat(
                exception.Errors.Select(error => $"\n  {error.Field}: {error.Message} {error.Fix}")));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"'{path}' cannot be written: {exception.Message}", ExitCodes.Failed);
        }
        finally
        {
            File.Delete(aside);
        }
    }

    private static string Shown(string path, string folder) => Path.GetRelativePath(folder, path);

    private static CommandException Invalid(string message) => new(message, ExitCodes.Invalid);
}
