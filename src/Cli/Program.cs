using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Workflows.Cli;
using Workflows.Cli.Commands;

// Not a RootCommand, whose name in the usage text would be that of the assembly.
var root = new Command(
    "workflows", "Fine-tunes Gemma 3 for Korean-English translation on Cloud TPU: one request, one report.")
{
    new HelpOption(),
    new VersionOption(),
};

// Only where an option stands first: a score needs none of the classes of the other commands.
args = args is [['-', ..], _, ..] ? GlobalOptions.BehindVerb(args) : args;

// A score is done in a tenth of a second, a quarter of which the other commands and their libraries would take.
foreach (var command in args is ["score", ..] ? [ScoreCommand.Create()] : All())
{
    root.Add(command);
}

var parsed = root.Parse(args);
try
{
    var settings = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
    if (args is ["score", ..])
    {
        return parsed.Invoke(settings) is var scored && parsed.Action is ParseErrorAction ? ExitCodes.Invalid : scored;
    }

    var code = await parsed.InvokeAsync(settings);
    await Console.Out.FlushAsync();
    return parsed.Action is ParseErrorAction ? ExitCodes.Invalid : code;
}
catch (Exception exception) when (IsOfAStream(exception))
{
    // Standard output is full, closed, or a pipe whose reader is gone. A run continues or waits in its state folder.
    try
    {
        await Console.Error.WriteLineAsync($"The output cannot be written: {exception.Message}");
    }
    catch (Exception error) when (IsOfAStream(error))
    {
        // Standard error is in the same state; only the exit code reports the failure.
    }

    return ExitCodes.Failed;
}

// A closed descriptor is reported as a path to which access is denied.
static bool IsOfAStream(Exception exception) =>
    exception is IOException or UnauthorizedAccessException { InnerException: IOException };

static Command[] All() =>
[
    InitCommand.Create(),
    RunCommand.Create(),
    WatchCommand.Create(),
    StatusCommand.Create(),
    LogsCommand.Create(),
    FilesCommand.Create(),
    ListCommand.Create(),
    ZonesCommand.Create(),
    CostCommand.Create(),
    ResourcesCommand.Create(),
    SpendingCommand.Create(),
    SweepCommand.Create(),
    CancelCommand.Create(),
    EventCommand.Create(),
    SuspendCommand.Create(),
    UnsuspendCommand.Create(),
    ResumeCommand.Create(),
    RerunCommand.Create(),
    PurgeCommand.Create(),
    ReportCommand.Create(),
    DoctorCommand.Create(),
    KeysCommand.Create(),
    PlanCommand.Create(),
    TranslateCommand.Create(),
    ScoreCommand.Create(),
    CompileCommand.Create(),
    CompileCommand.CreateChild(),
    CompletionCommand.Create(),
    CompletionCommand.CreateHelper(),
];
