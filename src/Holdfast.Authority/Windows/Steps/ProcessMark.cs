using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Authority.Windows.Steps;

/// <summary>Which process something was: a machine, a number, and when it began, since numbers come again.</summary>
internal static class ProcessMark
{
    /// <summary>Of the fields behind the name in /proc/PID/stat (proc(5)), the one that says when it began, and the one that says whether it has ended and is not collected.</summary>
    private const int StartField = 19;
    private const int StateField = 0;

    public static string Of(Process process) => $"{Environment.MachineName} {process.Id} {StartOf(process.Id)}";

    /// <summary>Whether it still runs; a process of another machine does not.</summary>
    public static bool IsAlive(string mark) => NumberOf(mark) is not null;

    public static bool IsHere(string mark) => mark.Split(' ')[0] == Environment.MachineName;

    /// <summary>Ends it, with what it began, if it still runs on this machine; false if that is not allowed.</summary>
    public static bool TryKill(string mark)
    {
        if (NumberOf(mark) is not { } number)
        {
            return true;
        }

        try
        {
            using var process = Process.GetProcessById(number);
            return TryKill(process);
        }
        catch (ArgumentException)
        {
            // It has ended meanwhile.
            return true;
        }
    }

    /// <summary>The same of one that this node began.</summary>
    public static bool TryKill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
            return true;
        }
        catch (InvalidOperationException)
        {
            // It has ended meanwhile.
            return true;
        }
        catch (Exception exception) when (exception is System.ComponentModel.Win32Exception or AggregateException)
        {
            // Another user's, such as behind sudo.
            return false;
        }
    }

    private static int? NumberOf(string mark) =>
        mark.Split(' ') is [var machine, var id, var start] && machine == Environment.MachineName && start.Length > 0 && int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && StartOf(number) == start ? number : null;

    /// <summary>Empty if there is none, or it has ended.</summary>
    private static string StartOf(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[StateField] == "Z" ? "" : fields[StartField];
        }
        catch (IOException)
        {
            return "";
        }
    }
}
