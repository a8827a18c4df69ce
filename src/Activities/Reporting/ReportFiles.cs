namespace Workflows.Activities.Reporting;

/// <summary>Names of the report's files in a run's folder.</summary>
public static class ReportFiles
{
    /// <summary>The report as JSON.</summary>
    public const string Json = "report.json";

    /// <summary>The report as a page in English.</summary>
    public const string Page = "report.html";

    /// <summary>The report as a page in Korean.</summary>
    public const string KoreanPage = "report.ko.html";

    /// <summary>Returns the name of the page in a language.</summary>
    /// <param name="language">The language.</param>
    /// <returns>The file's name.</returns>
    public static string PageIn(Language language) => language == Language.Korean ? KoreanPage : Page;
}
