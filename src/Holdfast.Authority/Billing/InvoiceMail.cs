using Holdfast.Billing;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>What customers are told about invoices.</summary>
internal static class InvoiceMail
{
    public static string Issued(InvoiceDocument invoice, Money total) => total.Minor > 0
        ? $"Invoice {invoice.Number} for '{invoice.Account}', {invoice.Month}: {total}, to be paid until {invoice.DueOn}.\n\n{invoice.Seller.Bank}\n\nAs a document:\n\n    holdfast admin invoice show {invoice.Account} {Number(invoice)} --pdf invoice.pdf\n"
        : $"Invoice {invoice.Number} for '{invoice.Account}', {invoice.Month}: nothing is to be paid ({total}).\n";

    public static (string Subject, string Body) Overdue(string account, DunningLevel level, Money balance, long days) => level switch
    {
        DunningLevel.Reminded => ($"A reminder: an invoice for '{account}' is open", $"An invoice for the backup account '{account}' has been open for {days} days. {balance} are owed.\nIf it was paid in the last days, nothing needs to be done.\n"),
        DunningLevel.Warned => ($"Backups of '{account}' will be paused", $"An invoice for the backup account '{account}' has been open for {days} days. {balance} are owed.\nIf it stays open no new backups will be taken. What is backed up stays, and can be restored at any time.\n"),
        _ => ($"Backups of '{account}' are paused", $"An invoice for the backup account '{account}' has been open for {days} days. {balance} are owed.\nNo new backups are taken until it is paid; then they go on by themselves. What is backed up stays, and can be restored at any time.\n"),
    };

    public static (string Subject, string Body) GoesOn(string account) => ($"Backups of '{account}' go on", $"Thank you: nothing of the backup account '{account}' is overdue any more, and its computers back up again.\n");

    public static (string Subject, string Body) NotCharged(string account, string reason) => ($"Your card was not charged for '{account}'", $"What is owed for the backup account '{account}' could not be taken from your card: {reason}\nIt is tried again in the next days. Another card is entered by:\n\n    holdfast admin payment card {account}\n");

    private static string Number(InvoiceDocument invoice) => invoice.Number.Length > 0 ? new string([.. invoice.Number.Reverse().TakeWhile(char.IsAsciiDigit).Reverse()]).TrimStart('0') : "";
}
