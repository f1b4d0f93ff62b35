-- old
++ x
select 1;
end
