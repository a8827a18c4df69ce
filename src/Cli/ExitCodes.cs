namespace Workflows.Cli;

/// <summary>Exit codes of the command; the table is in the README.</summary>
internal static class ExitCodes
{
    /// <summary>The run succeeded, or the query was answered.</summary>
    public const int Done = 0;

    /// <summary>The run failed, or the service could not be used.</summary>
    public const int Failed = 1;

    /// <summary>The request, the command line or a setting is wrong; nothing was started.</summary>
    public const int Invalid = 2;

    /// <summary>The run was cancelled.</summary>
    public const int Cancelled = 3;

    /// <summary>A check of the doctor failed, or a plan was refused; the run would be refused, too.</summary>
    public const int NotReady = 4;

    /// <summary>A sweep found resources that may cost money, or could not list every project.</summary>
    public const int LeftOver = 5;

    /// <summary>Detached by Ctrl-C; the run is kept.</summary>
    public const int Detached = 130;
}
